"""Limits on what a visitor may send and keep."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimits:
    """Bounds of requests, of visitors and of what lies on disk.

    Attributes:
        json_bytes: of the body of an event; a page sends a few kilobytes, a study's YAML some more.
        json_depth, json_values: of its content.
        text_chars: of one string in it.
        upload_bytes: of one file.
        upload_files: in one request.
        visitor_bytes, visitor_files: of one visitor's uploads; beyond them the oldest goes.
        all_bytes: of everybody's uploads.
        free_bytes: that must stay free on the disk.
        uploads, visitor_uploads: being received at once.
        sessions, visitor_sessions: open pages.
        body_seconds: without a byte of a body before the request ends.
        grace_seconds: that a visit outlives its connection, as it may have been the network.
    """

    json_bytes: int = 1_000_000
    json_depth: int = 16
    json_values: int = 20_000
    text_chars: int = 400_000
    upload_bytes: int = 50_000_000
    upload_files: int = 4
    visitor_bytes: int = 200_000_000
    visitor_files: int = 40
    all_bytes: int = 4_000_000_000
    free_bytes: int = 500_000_000
    uploads: int = 16
    visitor_uploads: int = 4
    sessions: int = 1_000
    visitor_sessions: int = 40
    body_seconds: float = 30.0
    grace_seconds: float = 600.0
