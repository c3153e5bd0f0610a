"""Head office's pages, in a browser. Each module has the pages of one subject; its import puts them into the frame's list."""

from __future__ import annotations

from central_server.pages import closings as closings
from central_server.pages import home as home
from central_server.pages import sign_in as sign_in
