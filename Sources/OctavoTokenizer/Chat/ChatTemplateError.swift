/// Why a chat template could not be read or rendered.
///
/// Messages quote the template, never the text of a request, save where the template itself does so in refusing.
public enum ChatTemplateError: Error, Hashable {
    /// The source is not the template language: where, and the construct.
    case syntax(template: String, line: Int, reason: String)
    /// An expression has no value, such as a use of what is missing; `line` is that of the statement.
    case evaluation(template: String, line: Int, reason: String)
    /// The template refused the request (`raise_exception`); the message is its own.
    case refused(message: String)
    /// The rendering went beyond `ChatTemplate.Limits`.
    case limit(template: String, line: Int, reason: String)
    /// A message of the request is not one that can be rendered; `index` counts from 0.
    case message(index: Int, reason: String)
    /// An option of the request cannot be used.
    case option(name: String, reason: String)
}

extension ChatTemplateError: CustomStringConvertible {
    /// The error as a person reads it.
    public var description: String {
        switch self {
        case .syntax(let template, let line, let reason), .evaluation(let template, let line, let reason),
            .limit(let template, let line, let reason):
            "\(template), line \(line): \(reason)"
        case .refused(let message): message
        case .message(let index, let reason): "messages[\(index)]: \(reason)"
        case .option(let name, let reason): "\(name): \(reason)"
        }
    }
}
