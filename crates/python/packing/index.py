"""A package index on this machine: the wheels of a directory, and for the rest another index."""

import contextlib
import functools
import http.server
import pathlib
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    """Answers what pip, uv and poetry ask an index."""

    def __init__(self, *args, wheels, upstream, **options):
        self.wheels, self.upstream = wheels, upstream
        super().__init__(*args, directory=str(wheels), **options)

    def do_GET(self):
        """Give a wheel, a list of wheels, or where to ask."""
        name = self.path.strip('/').removeprefix('simple/')
        if not self.path.startswith('/simple/'):
            super().do_GET()
        elif links := [
            f'<a href="/{wheel.name}">{wheel.name}</a>'
            for wheel in self.wheels.glob(f'{name.replace("-", "_")}-[0-9]*.whl')
        ]:
            page = f'<!DOCTYPE html><html><body>{"".join(links)}</body></html>'.encode()
            self.send_response(200)
            self.send_header('Content-Type', 'text/html')
            self.send_header('Content-Length', str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        else:
            self.send_response(302)
            self.send_header('Location', f'{self.upstream.rstrip("/")}/{name}/')
            self.send_header('Content-Length', '0')
            self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def serve(wheels: pathlib.Path, upstream: str):
    """Serve the wheels as long as the block lasts; gives the index's address."""
    handler = functools.partial(Handler, wheels=wheels, upstream=upstream)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f'http://127.0.0.1:{server.server_port}/simple'
        finally:
            server.shutdown()
