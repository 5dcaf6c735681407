import Foundation
import OctavoCore

/// Prints benchmark figures for people or as JSON lines.
struct BenchReport {
    let json: Bool

    /// What the figures that follow were measured on.
    func header(threads: Int, kernels: String?, model: String?) {
        let processor = Self.processor
        if json {
            Console.result([
                "cpu": .string(processor), "threads": .integer(threads),
                "kernels": kernels.map(JSONValue.string) ?? .null,
                "model": model.map(JSONValue.string) ?? .null, "version": .string(OctavoVersion.current),
            ])
        } else {
            let parts = [processor, "\(threads) threads", kernels, model]
            Console.result(parts.compactMap(\.self).joined(separator: ", "))
        }
    }

    /// One figure: the median of `samples`, and its share of a ceiling.
    func line(
        _ name: String, _ which: [(String, String)], samples: [Double], unit: String, ceiling: Double? = nil
    ) {
        let sorted = samples.sorted()
        let spread = sorted.count > 1 ? (sorted[sorted.count - 1] - sorted[0]) / sorted[sorted.count / 2] : 0
        line(
            name, which, value: sorted[sorted.count / 2], unit: unit, ceiling: ceiling, runs: samples.count,
            spread: spread)
    }

    /// One figure.
    func line(
        _ name: String, _ which: [(String, String)], value: Double, unit: String, ceiling: Double? = nil, runs: Int = 1,
        spread: Double = 0
    ) {
        let share = ceiling.map { $0 > 0 ? value / $0 : 0 }
        guard json else {
            let place = which.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            let label = "\(name), \(place)".padding(toLength: 56, withPad: " ", startingAt: 0)
            let ceilingText = share.map { "   \(Format.decimal(100 * $0))% of the INT8 peak" } ?? ""
            let spreadText = runs > 1 ? "   (\(runs) runs, spread \(Format.decimal(100 * spread, places: 0))%)" : ""
            return Console.result("\(label)\(Format.decimal(value)) \(unit)\(ceilingText)\(spreadText)")
        }
        var cases = JSONObject()
        for (key, text) in which { cases[key] = Int(text).map(JSONValue.integer) ?? .string(text) }
        Console.result([
            "benchmark": .string(name), "case": .object(cases), "value": .double(value), "unit": .string(unit),
            "ceiling": ceiling.map(JSONValue.double) ?? .null, "share": share.map(JSONValue.double) ?? .null,
            "runs": .integer(runs), "spread": .double(spread),
        ])
    }

    /// The CPU's name as the system gives it.
    private static var processor: String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        return name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown CPU"
    }
}
