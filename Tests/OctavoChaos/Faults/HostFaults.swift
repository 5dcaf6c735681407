import Foundation
import OctavoTestSupport

extension Fault {
    /// What happens to machines.
    static let hostFaults = [
        Fault("host-lost", "each worker is on a machine of its own, and one loses power") { fault in
            fault.obstacle = { _ in OtherHost.obstacle }
            fault.boundsRecomputing = true
            fault.prefix = OtherHost.otherName
        } strike: { trial in
            try await losePower(trial)
        },
        Fault(
            "partition", "the machine of a worker is cut off for longer than a lease, and comes back", pace: .impatient
        ) {
            fault in
            fault.obstacle = { _ in OtherHost.obstacle }
            fault.workers = 2
        } strike: { trial in
            try await cutOff(trial)
        },
        Fault("clock-skew", "the clock of a worker's machine is a day ahead, and that of another a day behind") {
            fault in
            fault.obstacle = { _ in fakeTime == nil ? "libfaketime is not installed, nor named by LIBFAKETIME" : nil }
            fault.workers = 1
        } strike: { trial in
            for offset in ["+1d", "-1d"] {
                try await trial.startWorkers(
                    1, environment: ["LD_PRELOAD": fakeTime ?? "", "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"])
            }
            try await trial.drain(patience: .seconds(300))
            let lost = try await trial.integer("SELECT count(*) FROM octavo.lease_log WHERE outcome = 'lost'")
            trial.journal.check(lost == 0, "\(lost) leases were lost, though no worker was")
        },
    ]

    private static let fakeTime: String? = {
        if let place = ProcessInfo.processInfo.environment["LIBFAKETIME"] { return place }
        let places = ["x86_64-linux-gnu", "aarch64-linux-gnu", "."].map { "/usr/lib/\($0)/faketime/libfaketime.so.1" }
        return places.first { access($0, R_OK) == 0 }
    }()

    private static func losePower(_ trial: Trial) async throws {
        guard let worker = await trial.fleet.processes.randomElement() else { return }
        let held = try await trial.integer("SELECT max(token) FROM octavo.leases")
        worker.signal(SIGKILL)
        trial.journal.countKill()
        await trial.fleet.abandon(worker)
        let start = ContinuousClock.now
        try await trial.drain(patience: .seconds(300))
        let took = ContinuousClock.now - start
        let lost = try await trial.integer("SELECT count(*) FROM octavo.lease_log WHERE outcome = 'lost'")
        trial.journal.check(lost > 0, "no lease was lost (the last was \(held))")
        let early = try await trial.integer(
            """
            SELECT count(*) FROM octavo.lease_log
             WHERE outcome = 'lost' AND ended_at < to_timestamp(\(trial.journal.notes.struck ?? 0))
                 + interval '\(trial.pace.leaseMilliseconds / 2) milliseconds'
            """)
        trial.journal.check(early == 0, "\(early) leases were taken before they had expired")
        trial.journal.remark(String(format: "drained %.1f s later", took / .seconds(1)))
    }

    private static func cutOff(_ trial: Trial) async throws {
        let host = try OtherHost()
        defer { host.remove() }
        let proxy = try TCPProxy(address: host.ourAddress, to: try trial.server.socketPath)
        defer { proxy.close() }
        let worker = try await trial.startWorkers(1, database: trial.url(at: proxy), prefix: host.prefix)[0]
        let own = "(SELECT name FROM octavo.workers WHERE name LIKE 'octavo-%')"
        try await trial.wait(for: "the worker on the other machine to claim") {
            try await trial.integer("SELECT count(*) FROM octavo.leases WHERE worker IN \(own)") > 0
        }
        try host.cut()
        trial.journal.strike()
        try await trial.wait(for: "its leases to be taken") {
            try await trial.integer("SELECT count(*) FROM octavo.leases WHERE worker IN \(own)") == 0
        }
        try host.heal()
        let start = ContinuousClock.now
        let isBack = await eventually(within: .seconds(30)) {
            worker.standardError.contains("lease lost") || worker.standardError.contains("fenced")
        }
        trial.journal.check(isBack, "the worker did not learn that it had lost its leases: \(worker.standardError)")
        trial.journal.remark("back after \(trial.seconds(since: start))")
        try await trial.drain(patience: .seconds(300))
        _ = await trial.fleet.stop()
    }
}
