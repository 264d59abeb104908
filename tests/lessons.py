"""Which lessons exist; every test over lessons takes them from here, so that none is forgotten."""
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
NUMBERS = [source.stem[:2] for source in SOURCES]
STEMS = [source.stem for source in SOURCES]
