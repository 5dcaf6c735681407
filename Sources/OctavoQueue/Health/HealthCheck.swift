import OctavoPostgres

/// One thing to look at.
struct HealthCheck: Sendable {
    /// The name, in a word.
    let name: String
    /// How much a finding matters.
    let severity: HealthFinding.Severity
    /// What to do about a finding.
    let remedy: String
    /// A query with a row per finding: `message`, and `subject`, which the repair is told, or NULL.
    let sql: String
    /// Mends what was found; `$1` is the subject. Only what is safe while workers are at work.
    var repair: String?

    /// Every check.
    ///
    /// - Parameters:
    ///   - program: what this program is called.
    ///   - patience: for how much of the usual time things may be as they should not; tests have none.
    static func all(program: String, patience: Double) -> [HealthCheck] {
        let minutes = { (count: Int) in "interval '\(Double(count) * patience) minutes'" }
        return consistencyChecks + workChecks(minutes) + workerChecks(program: program)
            + serverChecks(minutes)
    }
}

extension Queue {
    /// Looks for everything that is known to go wrong, changing nothing.
    ///
    /// - Parameter program: what this program is called, to compare workers with.
    /// - Complexity: reads the results' index; seconds for millions of requests.
    public func diagnose(program: String) async throws -> HealthReport {
        try await diagnose(program: program, patience: 1)
    }

    package func diagnose(program: String, patience: Double) async throws -> HealthReport {
        var report = HealthReport()
        for check in HealthCheck.all(program: program, patience: patience) {
            do {
                report.findings += try await findings(of: check)
            } catch let error as PostgresError where error.sqlState == SQLState.insufficientPrivilege {
                report.unchecked.append(check.name)
            }
        }
        // In the order of the checks among themselves: the sort is stable.
        report.findings.sort { $0.severity > $1.severity }
        return report
    }

    private func findings(of check: HealthCheck) async throws -> [HealthFinding] {
        try await perform { session in
            try session.query(check.sql, name: check.name).map { row in
                HealthFinding(
                    check: check.name, severity: check.severity, message: try row.string("message"),
                    remedy: check.remedy, repair: check.repair,
                    subject: try row.optionalInt("subject").map(Int64.init))
            }
        }
    }

    /// Mends what a finding says, if it is repairable.
    public func repair(_ finding: HealthFinding) async throws {
        guard let repair = finding.repair else { return }
        try await perform { session in
            try session.query(
                repair, [.optional(finding.subject, PostgresValue.int)], name: "repair \(finding.check)")
            return
        }
    }
}
