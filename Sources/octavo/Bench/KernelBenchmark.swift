import OctavoLlama
import OctavoWeights

/// Measures the phases of a step one by one, each against what limits it most.
///
/// Before each sample, what can limit the work is measured, too; the medians of these are the ceilings of the median
/// sample, since on machines that others use, too, they change within minutes by more than kernels differ.
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
        var beside = limits.map { _ in [Double]() }
        let samples = (0..<runs).map { _ in
            for (index, limit) in limits.enumerated() { beside[index].append(meter.measure(limit)) }
            return seconds(count) / Double(count)
        }
        var ceilings = meter.first
        for (limit, measured) in zip(limits, beside) { ceilings[limit] = measured.sorted()[runs / 2] }
        line(workload, samples, ceilings)
    }

    private func line(_ workload: Workload, _ samples: [Double], _ ceilings: Ceilings) {
        let median = samples.sorted()[runs / 2]
        let limit = ceilings.limit(of: workload.cost)
        let others = Ceilings.Limit.allCases.filter { $0 != limit && $0.amount(of: workload.cost) > 0 }
        report.line(
            workload.name, workload.parameters,
            samples: samples.map { Double(limit.amount(of: workload.cost)) / $0 / 1e9 }, unit: limit.unit,
            ceiling: ceilings[limit] / 1e9, limit: limit.rawValue,
            otherShares: others.map {
                .init(
                    limit: $0.rawValue, value: ceilings.leastSeconds(workload.cost, $0) / median,
                    ceiling: ceilings[$0] / 1e9)
            })
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
