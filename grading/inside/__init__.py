"""What runs in the sandbox. It knows no check, no expected value and no other submission."""
