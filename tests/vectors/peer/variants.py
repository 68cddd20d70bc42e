"""The numbers of the wire: capabilities (SPEC 3.2), controls (5), messages (5.1), what a side came for, and reasons (5.6)."""

FAITHFUL, RESUMING, PROVING = 1, 2, 4

FRAGMENT, RECEIVED, CREDIT, HEARTBEAT, USE, USING, DROP, COUNTED, PLACES = range(9)
TEXT, SECRET, OFFER, PATHS, ACCEPT, END, RESULT, CANCEL, VERIFIED, LEAVE, ENTRIES, GAP, HAVE, PROOF = range(14)

GIVE, TAKE, BOTH = 0, 1, 2
FILE, FOLDER = 0, 1
DONE, INTERRUPTED, EXISTS = 0, 2, 7

WINDOW = 16 << 20
