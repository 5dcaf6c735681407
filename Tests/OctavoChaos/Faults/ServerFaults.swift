import OctavoPostgres
import OctavoTestSupport

extension Fault {
    /// What happens to PostgreSQL.
    static let serverFaults = [
        Fault("postgres-restart", "PostgreSQL is restarted in mode fast") { fault in
            fault.isSolitary = true
            fault.isFast = true
            fault.isComposable = true
        } strike: { trial in
            try await trial.server.stop(.fast)
            try await trial.server.start()
        },
        Fault("postgres-crash", "PostgreSQL is stopped in mode immediate, as by a crash, and started again") { fault in
            fault.isSolitary = true
            fault.isComposable = true
        } strike: { trial in
            try await trial.server.stop(.immediate)
            try await trial.server.start()
        },
        Fault(
            "postgres-down", "PostgreSQL is away for twice the time of a lease, of which none is lost by that",
            pace: .longLeases
        ) { fault in
            fault.boundsRecomputing = true
            fault.isSolitary = true
            fault.isComposable = true
        } strike: { trial in
            try await trial.server.stop(.fast)
            try await Task.sleep(for: trial.pace.leaseDuration * 2)
            try await trial.server.start()
        },
        Fault(
            "terminate-backends", "every session is ended by pg_terminate_backend, once a second",
            workload: .twice
        ) { fault in
            fault.isComposable = true
        } strike: { trial in
            for _ in 0..<8 {
                try await trial.execute(endOtherSessions)
                try await Task.sleep(for: .seconds(1))
            }
        },
        Fault("max-connections", "all connections are taken when the workers have to connect again") { fault in
            fault.isSolitary = true
            fault.isComposable = true
        } strike: { trial in
            try await useUpConnections(trial)
        },
        Fault("idle-in-transaction", "a writer stays idle in its transaction until the work is done", workload: .twice)
        {
            _ in
        } strike: { trial in
            try await pinSnapshot(trial)
        },
        Fault("repeatable-read-scans", "four REPEATABLE READ scans of everything overlap without end", workload: .twice)
        {
            _ in
        } strike: { trial in
            try await scanWithoutEnd(trial)
        },
    ]

    private static let endOtherSessions = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
        """

    private static func useUpConnections(_ trial: Trial) async throws {
        let url = trial.directURL
        let leftOver = try await offPool { () -> Int in
            let admin = try PostgresSession(PostgresConfiguration(connectionString: url))
            let configuration = PostgresConfiguration(connectionString: url, applicationName: "hoarder")
            var hoard: [PostgresSession] = []
            defer { extendLifetime(hoard) }
            var others = 0
            // Whoever is thrown out leaves a place, which is taken when his process has ended.
            for _ in 0..<80 {
                others =
                    try admin.query(
                        """
                        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
                           AND pid <> pg_backend_pid() AND application_name <> 'hoarder'
                        """
                    ).map { try $0.int(0) }.first ?? 0
                while let session = try? PostgresSession(configuration) { hoard.append(session) }
                try admin.execute("SELECT pg_sleep(0.05)")
            }
            return others
        }
        trial.journal.check(leftOver == 0, "\(leftOver) others still had connections")
    }

    private static func pinSnapshot(_ trial: Trial) async throws {
        let (url, isOver) = (trial.directURL, Latch())
        async let writing: Void = offPool {
            let session = try PostgresSession(PostgresConfiguration(connectionString: url))
            try session.execute("CREATE TABLE public.idle_writer (number integer)")
            try session.execute("BEGIN; INSERT INTO public.idle_writer VALUES (1)")
            isOver.wait()
        }
        do { try await trial.drain(patience: .seconds(300)) } catch {
            isOver.open()
            throw error
        }
        isOver.open()
        try await writing
    }

    private static func scanWithoutEnd(_ trial: Trial) async throws {
        let scan = """
            BEGIN ISOLATION LEVEL REPEATABLE READ;
            SELECT count(*), max(r.body) FROM octavo.requests q JOIN octavo.results r USING (batch_id, position);
            SELECT pg_sleep(1);
            SELECT count(*), max(r.body) FROM octavo.requests q JOIN octavo.results r USING (batch_id, position);
            COMMIT
            """
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                let connection = trial.connect()
                group.addTask {
                    while !Task.isCancelled { try await connection.runRetrying { try $0.execute(scan) } }
                }
            }
            try await trial.drain(patience: .seconds(300))
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }
}

extension Workload {
    /// The usual requests, and as many again.
    fileprivate static let twice = {
        var workload = Workload(name: "twice")
        workload.requests *= 2
        return workload
    }()
}

extension Pace {
    /// Longer than the pauses between attempts to connect, as in earnest.
    fileprivate static let longLeases = {
        var pace = Pace()
        pace.leaseMilliseconds = 6000
        return pace
    }()
}
