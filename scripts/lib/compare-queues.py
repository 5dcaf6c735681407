"""Works off the same jobs with other queues on PostgreSQL: enqueue, take, finish. See scripts/bench-queue-peers.

Each system runs in a database of its own on the given server, by its documented calls for many jobs at once. A job's
body and its result are text. Prints one JSON object for each measurement.
"""
import argparse
import asyncio
import importlib
import json
import logging
import subprocess
import sys
import time
import urllib.parse

import psycopg

logging.disable(logging.ERROR)
RESULT = "all work and no play " * 100


class Pgmq:
    """A queue in SQL: read in batches, and results sent in batches to a second queue, with the delete in one
    transaction."""

    stores_results = True

    def install(self, url):
        from pgmq import install_pgmq_sql  # noqa: F401: the package that brings the SQL
        from importlib.resources import files

        sql = files("pgmq").joinpath("sql/pgmq.sql").read_text()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)
            for queue in ("jobs", "results"):
                connection.execute("SELECT pgmq.create(%s)", [queue])

    def enqueue(self, url, bodies, group):
        with psycopg.connect(url, autocommit=True) as connection:
            for start in range(0, len(bodies), 1000):
                messages = [json.dumps({"prompt": body}) for body in bodies[start : start + 1000]]
                connection.execute("SELECT pgmq.send_batch('jobs', %s::jsonb[])", [messages])

    def work(self, url, group, result):
        answer = json.dumps({"text": result})
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                ids = [row[0] for row in connection.execute("SELECT * FROM pgmq.read('jobs', 60, %s)", [group])]
                if not ids:
                    return
                with connection.transaction():
                    connection.execute("SELECT pgmq.send_batch('results', %s::jsonb[])", [[answer] * len(ids)])
                    connection.execute("SELECT pgmq.delete('jobs', %s::bigint[])", [ids])

    def left(self, connection):
        return connection.execute("SELECT count(*) FROM pgmq.q_jobs").fetchone()[0]


class Procrastinate:
    """Deferred in batches; taken and finished one by one, which is all it has, by many coroutines; results are not
    stored."""

    stores_results = False

    def app(self, url, connections):
        import procrastinate

        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=connections))

        @app.task(name="answer")
        async def answer(prompt):
            return None

        return app, answer

    def install(self, url):
        async def body():
            app, _ = self.app(url, 2)
            async with app.open_async():
                await app.schema_manager.apply_schema_async()

        asyncio.run(body())

    def enqueue(self, url, bodies, group):
        async def body():
            app, answer = self.app(url, 2)
            async with app.open_async():
                for start in range(0, len(bodies), 1000):
                    await answer.batch_defer_async(*[{"prompt": text} for text in bodies[start : start + 1000]])

        asyncio.run(body())

    def work(self, url, group, result):
        async def body():
            app, _ = self.app(url, 16)
            async with app.open_async():
                await app.run_worker_async(
                    wait=False, concurrency=min(group, 32), listen_notify=False, install_signal_handlers=False
                )

        asyncio.run(body())

    def left(self, connection):
        return connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'").fetchone()[0]


class PgQueuer:
    """Enqueued, taken and finished in batches; results are not stored."""

    stores_results = False

    async def open(self, url):
        import asyncpg
        from pgqueuer import PgQueuer
        from pgqueuer.db import AsyncpgDriver

        connection = await asyncpg.connect(url)
        return connection, PgQueuer(AsyncpgDriver(connection))

    def install(self, url):
        async def body():
            connection, queuer = await self.open(url)
            await queuer.qm.queries.install()
            await connection.close()

        asyncio.run(body())

    def enqueue(self, url, bodies, group):
        async def body():
            connection, queuer = await self.open(url)
            for start in range(0, len(bodies), 1000):
                part = [text.encode() for text in bodies[start : start + 1000]]
                await queuer.qm.queries.enqueue(["answer"] * len(part), part, [0] * len(part))
            await connection.close()

        asyncio.run(body())

    def work(self, url, group, result):
        async def body():
            from pgqueuer.types import QueueExecutionMode

            connection, queuer = await self.open(url)

            @queuer.entrypoint("answer")
            async def answer(job):
                pass

            await queuer.qm.run(batch_size=group, mode=QueueExecutionMode.drain)

        asyncio.run(body())

    def left(self, connection):
        return connection.execute("SELECT count(*) FROM pgqueuer WHERE status <> 'successful'").fetchone()[0]


SYSTEMS = {"pgmq": Pgmq, "procrastinate": Procrastinate, "pgqueuer": PgQueuer}


def database_url(server, name):
    parts = urllib.parse.urlsplit(server)
    return urllib.parse.urlunsplit(parts._replace(path="/" + name))


def measure(name, server, options):
    system = SYSTEMS[name]()
    database = "peer_" + name
    url = database_url(server, database)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {database}")
    try:
        system.install(url)
        bodies = [("%d " % i + "some words of a prompt " * 30)[: options.prompt_bytes] for i in range(options.jobs)]
        start = time.perf_counter()
        system.enqueue(url, bodies, options.group)
        enqueueing = time.perf_counter() - start
        command = [sys.executable, __file__, "--work", name, "--server", url, "--group", str(options.group)]
        workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(options.processes)]
        times = [json.loads(worker.communicate()[0]) for worker in workers]
        if any(worker.returncode != 0 for worker in workers):
            raise RuntimeError("a worker failed")
        working = max(end for _, end in times) - min(begin for begin, _ in times)
        with psycopg.connect(url) as connection:
            left = system.left(connection)
        if left:
            raise RuntimeError(f"{left} jobs are left")
        return {
            "system": name, "enqueue": options.jobs / enqueueing, "finish": options.jobs / working,
            "stores_results": system.stores_results,
        }
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--system", choices=SYSTEMS)
    parser.add_argument("--work", choices=SYSTEMS)
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--group", type=int, default=256)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--prompt-bytes", type=int, default=600)
    parser.add_argument("--completion-bytes", type=int, default=1200)
    options = parser.parse_args()
    if options.work:
        importlib.import_module(options.work)  # which takes longer than many jobs
        begin = time.time()
        SYSTEMS[options.work]().work(options.server, options.group, RESULT[: options.completion_bytes])
        print(json.dumps([begin, time.time()]))
    else:
        print(json.dumps(measure(options.system, options.server, options)))


main()
