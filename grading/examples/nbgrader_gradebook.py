"""Put grades.csv into an nbgrader gradebook: `python nbgrader_gradebook.py OUT/grades.csv
gradebook.db`.

An example, untested here: nbgrader is not among the course's packages. It follows nbgrader 0.9's
`nbgrader.api.Gradebook`. Every lesson becomes an assignment, every exercise a cell; run it again
after more grading.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict


def main(grades: str, database: str) -> None:
    from nbgrader.api import Gradebook, MissingEntry

    lessons = defaultdict(list)
    with open(grades, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["lesson"] and row["points"]:
                lessons[row["lesson"]].append(row)
    with Gradebook(f"sqlite:///{database}") as book:
        for lesson, rows in lessons.items():
            book.update_or_create_assignment(f"lesson{lesson}")
            book.update_or_create_notebook("notebook", f"lesson{lesson}")
            for row in rows:
                student = row["submission"].split("/")[0]
                where = (row["exercise"], "notebook", f"lesson{lesson}")
                book.update_or_create_grade_cell(
                    *where, max_score=float(row["out_of"]), cell_type="code"
                )
                book.update_or_create_student(student)
                book.update_or_create_submission(f"lesson{lesson}", student)
                try:
                    book.find_grade(*where, student).auto_score = float(row["points"])
                except MissingEntry:
                    print(f"no cell {row['exercise']} for {student}", file=sys.stderr)
        book.db.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
