"""Connects without a pause, until its standard input ends, and fails if ever a connection is refused or has no greeting."""
import select, socket, sys

count = 0
while not select.select([sys.stdin], [], [], 0.05)[0]:
    for port in map(int, sys.argv[1:]):
        with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
            greeting = connection.recv(100)
            assert greeting.startswith((b"220", b"* OK", b"+OK")), (port, greeting)
            count += 1
print(f"{count} connections, all of them greeted")
