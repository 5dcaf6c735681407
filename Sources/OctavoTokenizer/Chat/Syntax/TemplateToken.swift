/// A word of template source, and the line it stands on.
struct TemplateToken: Sendable {
    enum Kind: Sendable {
        /// Text between tags, as it will be written.
        case data([UInt8])
        case printBegin
        case printEnd
        case blockBegin
        case blockEnd
        case name(String)
        case string([UInt8])
        case number(TemplateConstant)
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// The token as an error message shows it.
    var description: String {
        switch kind {
        case .data: "text"
        case .printBegin: "'{{'"
        case .printEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .number: "a number"
        case .symbol(let symbol): "'\(symbol)'"
        case .end: "the end of the template"
        }
    }
}
