"""Support: for now the contact address that every page shows; tickets and recovery come with their own models."""
