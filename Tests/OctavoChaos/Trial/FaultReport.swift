import Foundation
import OctavoCore

/// What became of one fault.
struct FaultReport: Sendable {
    /// How it ended.
    enum Outcome: Sendable, Equatable {
        case passed
        case failed
        case notRunnable(String)
    }

    var name: String
    var outcome: Outcome
    /// Requests without an end.
    var lost = 0
    /// Requests with more than one.
    var duplicated = 0
    /// Tokens sampled beyond those of the answers.
    var recomputedTokens = 0
    /// Tokens of all answers.
    var totalTokens = 0
    /// Failed attempts of all requests.
    var burnedAttempts = 0
    /// Seconds from the fault to the first result after it.
    var firstCompletion: Double?
    /// Seconds from the fault to the end of the last batch.
    var drained: Double?
    /// What was not as it has to be.
    var problems: [String] = []
    /// Figures of this fault alone.
    var remarks: [String] = []

    /// What the columns of `line` mean.
    static let heading = columns(
        "fault", "lost", "doubled", "recomputed", "attempts", "next after", "drained", "verdict")

    /// One line, and one more for each problem.
    var line: String {
        if case .notRunnable(let reason) = outcome {
            return "\(Self.padded(name, 28))  not runnable here: \(reason)"
        }
        let share = totalTokens > 0 ? 100 * Double(recomputedTokens) / Double(totalTokens) : 0
        let line = Self.columns(
            name, "\(lost)", "\(duplicated)", "\(recomputedTokens) (\(String(format: "%.1f", share))%)",
            "\(burnedAttempts)", Self.seconds(firstCompletion), Self.seconds(drained),
            outcome == .passed ? "PASS" : "FAIL")
        let notes = remarks.joined(separator: "; ")
        return ([line + (notes.isEmpty ? "" : "  \(notes)")] + problems.map { "    \($0)" }).joined(separator: "\n")
    }

    /// One object.
    var json: JSONValue {
        var object: JSONObject = [:]
        object["fault"] = .string(name)
        switch outcome {
        case .passed: object["verdict"] = "pass"
        case .failed: object["verdict"] = "fail"
        case .notRunnable(let reason):
            object["verdict"] = "not runnable"
            object["reason"] = .string(reason)
            return .object(object)
        }
        object["lost"] = .integer(lost)
        object["duplicated"] = .integer(duplicated)
        object["recomputed_tokens"] = .integer(recomputedTokens)
        object["tokens"] = .integer(totalTokens)
        object["attempts_burned"] = .integer(burnedAttempts)
        object["seconds_to_next_completion"] = firstCompletion.map { .double($0) } ?? .null
        object["seconds_to_drain"] = drained.map { .double($0) } ?? .null
        object["problems"] = .array(problems.map { .string($0) })
        object["remarks"] = .array(remarks.map { .string($0) })
        return .object(object)
    }

    private static func columns(_ texts: String...) -> String {
        let widths = [28, 6, 9, 15, 10, 12, 9]
        return zip(texts, widths).enumerated().map { index, column in
            padded(column.0, column.1, isLeft: index == 0)
        }.joined() + "  " + (texts.last ?? "")
    }

    private static func padded(_ text: String, _ width: Int, isLeft: Bool = true) -> String {
        let spaces = String(repeating: " ", count: max(0, width - text.count))
        return isLeft ? text + spaces : spaces + text
    }

    private static func seconds(_ value: Double?) -> String { value.map { String(format: "%.1f s", $0) } ?? "-" }
}
