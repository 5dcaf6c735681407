import ArgumentParser
import Foundation
import OctavoQueue

/// A number of bytes, written as `4GiB`, `512MiB` or plainly.
struct ByteCount: ExpressibleByArgument, Hashable {
    var bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let units: [(String, Int)] = [
            ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tib", 1 << 40), ("kb", 1_000), ("mb", 1_000_000),
            ("gb", 1_000_000_000), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("b", 1),
        ]
        let text = argument.lowercased()
        let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        let number = text.dropLast(unit.0.count).trimmingCharacters(in: .whitespaces)
        guard let value = Double(number), value > 0, value * Double(unit.1) < 0x1p62 else { return nil }
        bytes = Int(value * Double(unit.1))
    }

    var defaultValueDescription: String { Format.bytes(bytes) }
}

/// A length of time, written as `90s`, `5m`, `1h`, `30d` or plainly in seconds.
struct Seconds: ExpressibleByArgument, Hashable {
    var duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        let unit = units.first { argument.hasSuffix($0.0) } ?? ("", 1)
        guard let value = Double(argument.dropLast(unit.0.count)), value >= 0, value * unit.1 < 1e9 else { return nil }
        duration = .seconds(value * unit.1)
    }

    var defaultValueDescription: String { "\(duration.components.seconds)s" }
}

/// When something ends: a length of time from now, or a date and time with its zone.
struct Deadline: ExpressibleByArgument, Hashable {
    var value: BatchDeadline

    init?(argument: String) {
        if let seconds = Seconds(argument: argument) {
            value = .after(seconds.duration)
        } else if let date = try? Date(argument, strategy: .iso8601) {
            value = .at(date.timeIntervalSince1970)
        } else {
            return nil
        }
    }
}

/// Numbers as a person reads them.
enum Format {
    static func bytes(_ count: Int) -> String {
        let units: [(Double, String)] = [(0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB")]
        let unit = units.first { Double(count) >= $0.0 }
        guard let unit else { return "\(count) B" }
        return "\(decimal(Double(count) / unit.0, places: 1)) \(unit.1)"
    }

    static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var groups: [Substring] = []
        var rest = digits[...]
        while rest.count > 3 {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        return (value < 0 ? "-" : "") + ([rest] + groups).joined(separator: ",")
    }

    static func decimal(_ value: Double, places: Int = 1) -> String { String(format: "%.\(places)f", value) }

    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "unknown" }
        let whole = Int(seconds.rounded())
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m\(String(format: "%02d", whole % 60))s"
        default: return "\(whole / 3600)h\(String(format: "%02d", whole / 60 % 60))m"
        }
    }

    static func percent(_ part: Int, of whole: Int) -> String {
        whole == 0 ? "100%" : "\(decimal(100 * Double(part) / Double(whole)))%"
    }
}
