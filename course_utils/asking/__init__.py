"""What both sides of the grader's wall share: how an answer is asked, and the plain data that
crosses.
"""
