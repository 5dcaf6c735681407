/// What is wrong with a job recipe: where, why, and what to do about it.
///
/// `description` reads `jobs/qa.yaml:7: sampling.temprature: unknown key. Did you mean "temperature"?`
public struct JobError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The recipe's file as the caller named it.
    public var file: String
    /// The line, counted from 1, if one is at fault.
    public var line: Int?
    /// The key at fault, as a path: `few_shot[2].answer`.
    public var key: String?
    /// What is wrong, as a phrase.
    public var reason: String
    /// What to do, as a sentence.
    public var remedy: String

    /// The place, the reason and the remedy on one line.
    public var description: String {
        let place = file + (line.map { ":\($0)" } ?? "") + ": " + (key.map { "\($0): " } ?? "")
        return "\(place)\(reason). \(remedy)"
    }
}
