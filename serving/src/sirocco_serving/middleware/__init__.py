"""What happens around every request, pure ASGI, a module a concern."""
