import ArgumentParser
import Foundation
import Logging
import OctavoCore

/// Where logs go and how they look.
struct LogOptions: ParsableArguments {
    @Option(
        help:
            "Log messages of this level and above: trace, debug, info, notice, warning, error (OCTAVO_LOG_LEVEL; default: notice)."
    )
    var logLevel: String?

    @Option(help: "Logs as text or json (OCTAVO_LOG_FORMAT; default: text).")
    var logFormat: String?

    func validate() throws {
        _ = try level()
        guard ["text", "json"].contains(format) else { throw ValidationError("--log-format must be text or json") }
    }

    private var format: String { logFormat ?? Environment.string("OCTAVO_LOG_FORMAT") ?? "text" }

    private func level() throws -> Logger.Level {
        let name = logLevel ?? Environment.string("OCTAVO_LOG_LEVEL") ?? "notice"
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError(
                "--log-level must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    /// A logger that writes to stderr.
    func logger() throws -> Logger {
        let level = try level()
        let isJSON = format == "json"
        var logger = Logger(label: "octavo") { _ in ConsoleLogHandler(isJSON: isJSON) }
        logger.logLevel = level
        return logger
    }
}

/// Writes log messages as lines of text or of JSON to stderr.
private struct ConsoleLogHandler: LogHandler {
    let isJSON: Bool
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let values = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = Date.now.ISO8601Format()
        guard isJSON else {
            let details = values.map { " \($0.key)=\($0.value)" }.joined()
            return Console.note("\(time) \(event.level) \(event.message)\(details)")
        }
        var object: JSONObject = JSONObject()
        object["time"] = .string(time)
        object["level"] = .string(event.level.rawValue)
        object["message"] = .string("\(event.message)")
        for (key, value) in values { object[key] = .string("\(value)") }
        Console.note(JSONValue.object(object).jsonText)
    }
}
