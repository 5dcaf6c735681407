/// What the server wrote.
struct Footprint {
    /// Bytes of write-ahead log.
    var wal: Int
    /// Row versions made obsolete.
    var dead: Int
    /// Those of them that only vacuum removes from the indexes.
    var coldDead: Int

    static func - (left: Footprint, right: Footprint) -> Footprint {
        Footprint(wal: left.wal - right.wal, dead: left.dead - right.dead, coldDead: left.coldDead - right.coldDead)
    }
}

/// The figures of several runs of clients.
struct FinishFigures {
    private var rates: [Double] = []
    private var medians: [Double] = []
    private var worst: [Double] = []
    private var walPerRequest: [Double] = []
    private var walPerByte: [Double] = []
    private var dead: [Double] = []
    private var coldDead: [Double] = []

    mutating func add(_ tallies: [QueueClient.Tally], cost: Footprint, workload: QueueWorkload) {
        let requests = Double(tallies.requests)
        rates.append(requests / tallies.seconds)
        medians.append(tallies.claimMilliseconds(percentile: 0.5))
        worst.append(tallies.claimMilliseconds(percentile: 0.99))
        walPerRequest.append(Double(cost.wal) / requests)
        walPerByte.append(Double(cost.wal) / requests / Double(workload.completion.count))
        dead.append(Double(cost.dead) / requests)
        coldDead.append(Double(cost.coldDead) / requests)
    }

    func report(_ which: [(String, String)], to report: BenchReport) {
        report.line("queue finish", which, samples: rates, unit: "requests/s")
        reportClaims(which, to: report)
        report.line("queue WAL", which, samples: walPerRequest, unit: "bytes/request")
        report.line("queue WAL, of the results' bytes", which, samples: walPerByte.map { 100 * $0 }, unit: "%")
        report.line("queue dead tuples", which, samples: dead.map { 1000 * $0 }, unit: "/1000 requests")
        report.line(
            "queue dead tuples, not heap-only", which, samples: coldDead.map { 1000 * $0 }, unit: "/1000 requests")
    }

    /// Only what is known of claims.
    func reportClaims(_ which: [(String, String)], to report: BenchReport) {
        report.line("queue claim p50", which, samples: medians, unit: "ms")
        report.line("queue claim p99", which, samples: worst, unit: "ms")
    }
}
