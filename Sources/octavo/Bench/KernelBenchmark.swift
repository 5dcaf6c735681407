import OctavoLlama
import OctavoWeights

/// Measures the phases of a step one by one, each against what limits it most.
///
/// Before each run, what can limit the work is measured, too, and the run is a share of that: on machines that others use,
/// too, it changes within minutes by more than kernels differ.
struct KernelBenchmark {
    let phases: PhaseBench
    let meter: CeilingMeter
    let runs: Int
    let report: BenchReport

    /// The seconds that a sample takes at least: long beside what wakes a thread.
    private static let sampleSeconds = 0.02
    private static let rows = [1, 2, 4, 8, 16, 32, 64, 128, 512]

    func all() throws {
        for product in PhaseBench.Product.allCases {
            try phases.products(product, rows: Self.rows, measure: measure)
        }
        for which in PhaseBench.AttentionCase.usual { phases.attention(which, measure: measure) }
        phases.vectors(measure: measure)
    }

    private func measure(_ workload: Workload) {
        var repetition = 0
        func seconds(_ count: Int) -> Double {
            let start = ContinuousClock.now
            for _ in 0..<count {
                workload.run(repetition)
                repetition += 1
            }
            return (ContinuousClock.now - start) / .seconds(1)
        }
        // The first repetition finds memory for its results.
        _ = seconds(1)
        let count = max(1, Int((Self.sampleSeconds / max(seconds(1), 1e-9)).rounded(.up)))
        let limits = Ceilings.Limit.allCases.filter { $0.amount(of: workload.cost) > 0 }
        let samples = (0..<runs).map { _ in
            var ceilings = meter.best
            for limit in limits { ceilings[limit] = meter.measure(limit) }
            return Sample(ceilings: ceilings, seconds: seconds(count) / Double(count))
        }
        line(workload, samples, limits)
    }

    /// A run, and what could limit it then.
    private struct Sample {
        var ceilings: Ceilings
        var seconds: Double
    }

    private func line(_ workload: Workload, _ samples: [Sample], _ limits: [Ceilings.Limit]) {
        let shares = limits.map { (limit: $0, share: share(of: $0, in: workload.cost, samples)) }
        guard let most = shares.max(by: { $0.share.value < $1.share.value }) else { return }
        report.line(
            workload.name, workload.parameters,
            samples: samples.map { Double(most.limit.amount(of: workload.cost)) / $0.seconds / 1e9 },
            unit: most.limit.unit, ceiling: most.share.ceiling, limit: most.share.limit,
            otherShares: shares.filter { $0.limit != most.limit }.map(\.share))
    }

    /// The median of the runs' shares of what could limit each, and that of which the median run would have such a share.
    private func share(of limit: Ceilings.Limit, in cost: Cost, _ samples: [Sample]) -> BenchReport.Share {
        let shares = samples.map { $0.ceilings.leastSeconds(cost, limit) / $0.seconds }
        let rates = samples.map { Double(limit.amount(of: cost)) / $0.seconds / 1e9 }
        let (share, rate) = (shares.sorted()[runs / 2], rates.sorted()[runs / 2])
        return BenchReport.Share(limit: limit.rawValue, value: share, ceiling: share > 0 ? rate / share : 0)
    }
}

extension Ceilings.Limit {
    /// The unit of figures that it limits.
    fileprivate var unit: String {
        switch self {
        case .int8: "GMAC/s"
        case .floats: "GFMA/s"
        case .memory: "GB/s"
        }
    }
}
