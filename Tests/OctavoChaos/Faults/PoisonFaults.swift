import OctavoTestSupport

extension Fault {
    /// Requests that are bad for their worker, and workers that are bad for requests.
    static let poisonFaults = [
        Fault(
            "poison-crash",
            "one request makes its worker crash: it alone fails, after its leases were halved down to it",
            workload: .poisoned(NullRunner.crash), pace: .smallLeases
        ) { fault in
            fault.obstacle = needsLetters
            fault.burnedAttempts = 1
        } strike: { trial in
            try await countCrashes(trial)
        },
        Fault(
            "poison-hang",
            "one request makes its worker hang: the watchdog ends the worker, and the request alone fails",
            workload: .poisoned(NullRunner.hang), pace: .smallLeases
        ) { fault in
            fault.obstacle = needsLetters
            fault.burnedAttempts = 1
        } strike: { trial in
            try await countCrashes(trial)
        },
        Fault(
            "poison-nan", "of one request the logits are not finite: it alone fails, when its attempts are used up",
            workload: .poisoned(NullRunner.notFinite, attempts: 2)
        ) { fault in
            fault.isFast = true
            fault.obstacle = needsLetters
            fault.burnedAttempts = 2
        } strike: { _ in
        },
        Fault("bad-host", "a third worker joins two, on a machine that computes no finite numbers: it refuses to work")
        {
            fault in
            fault.isFast = true
            fault.obstacle = needsLetters
            fault.workers = 2
        } strike: { trial in
            try await addBadHost(trial, goodSteps: 0)
            trial.journal.check(
                try await trial.integer("SELECT count(DISTINCT worker) FROM octavo.lease_log WHERE outcome = 'lost'")
                    == 0,
                "the bad host claimed something")
        },
        Fault("gone-bad", "a machine begins to compute nothing finite while its worker decodes: the worker stops") {
            fault in
            fault.obstacle = needsLetters
            fault.workers = 2
        } strike: { trial in
            try await addBadHost(trial, goodSteps: 40)
        },
    ]

    private static let needsLetters: @Sendable (Surroundings) -> String? = { surroundings in
        surroundings.program.engine == .letters ? nil : "only the model of letters can be poisoned; leave out --model"
    }

    /// Waits for the end, and tells how often a worker died.
    private static func countCrashes(_ trial: Trial) async throws {
        try await trial.drain(patience: .seconds(300))
        let lost = try await trial.integer("SELECT count(*) FROM octavo.lease_log WHERE outcome = 'lost'")
        trial.journal.remark("\(lost) leases lost on the way")
        let kinds = try await trial.integer("SELECT count(*) FROM octavo.failures WHERE kind = 'crash' AND is_final")
        trial.journal.check(kinds == 1, "\(kinds) requests failed as the cause of crashes")
    }

    private static func addBadHost(_ trial: Trial, goodSteps: Int) async throws {
        let bad = try await trial.startWorkers(1, goodSteps: goodSteps)[0]
        let status = await bad.wait(timeout: .seconds(120))
        trial.journal.check(status == 69, "the bad worker ended with \(status.map(String.init) ?? "nothing in 120 s")")
        trial.journal.check(
            bad.standardError.contains("no finite numbers"), "the bad worker did not say why: \(bad.standardError)")
        await trial.fleet.abandon(bad)
    }
}

extension Workload {
    /// The usual requests, one of them bad.
    fileprivate static func poisoned(_ character: Character, attempts: Int = 1) -> Workload {
        var workload = Workload()
        workload.poison = [137: character]
        workload.maximumAttempts = attempts
        return workload
    }
}

extension Pace {
    /// With few requests in a lease, few losses lead to the one that is bad.
    fileprivate static let smallLeases = {
        var pace = Pace()
        pace.leaseSize = 8
        pace.stepLimitMilliseconds = 1000
        return pace
    }()
}
