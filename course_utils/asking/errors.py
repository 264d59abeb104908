"""What can go wrong with what an answer returns."""


class NotData(TypeError):
    """The answer returned something that is not made of numbers and text."""
