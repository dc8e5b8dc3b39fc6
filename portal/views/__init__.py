"""The pages, a module each. A view is short: is the form valid, one call into billing, a message, a redirect."""
