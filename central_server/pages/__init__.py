"""Head office's pages, in a browser. Each module has the pages of one subject; its import puts them into the frame's list."""

from __future__ import annotations

from central_server.pages import account as account
from central_server.pages import approvals as approvals
from central_server.pages import audit as audit
from central_server.pages import card_stock as card_stock
from central_server.pages import closings as closings
from central_server.pages import comments as comments
from central_server.pages import consents as consents
from central_server.pages import experiments as experiments
from central_server.pages import exports as exports
from central_server.pages import figures as figures
from central_server.pages import home as home
from central_server.pages import member_actions as member_actions
from central_server.pages import member_story as member_story
from central_server.pages import members as members
from central_server.pages import operators as operators
from central_server.pages import programs as programs
from central_server.pages import segments as segments
from central_server.pages import settings as settings
from central_server.pages import shops as shops
from central_server.pages import sign_in as sign_in
from central_server.pages import tickets as tickets
from central_server.pages import webhooks as webhooks
