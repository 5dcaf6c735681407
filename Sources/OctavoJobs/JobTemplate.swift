internal import Mustache
internal import OctavoCore

/// A template over the columns of a row. It makes text, not HTML: nothing is escaped.
struct JobTemplate: Sendable {
    /// A column that a template needs and a row lacks.
    struct MissingColumn: Error {
        var name: String
    }

    private let template: MustacheTemplate
    private let tags: TemplateTags

    /// Mustache escapes for HTML unless its first line says otherwise. The line leaves nothing behind in the text.
    private static let pragma = "{{% CONTENT_TYPE:TEXT}}\n"

    /// Parses the template at a key of a recipe.
    init(_ text: String, at key: String, of fields: JobFields) throws(JobError) {
        do throws(TemplateTags.Refusal) {
            tags = try TemplateTags(text)
        } catch {
            throw fields.error(key, "line \(error.line) of the template: \(error.reason)", error.remedy)
        }
        do {
            template = try MustacheTemplate(string: Self.pragma + text)
        } catch let error as MustacheTemplate.ParserError {
            throw fields.error(
                key, "line \(max(1, error.context.lineNumber - 1)) of the template: \(Self.reason(error.error))",
                "Correct the tag.")
        } catch {
            throw fields.error(key, "is no template", "Correct its tags.")
        }
    }

    /// The paths that a row must have a value for.
    var required: [String] { tags.required }

    /// The text for a row.
    ///
    /// - Throws: `MissingColumn` for a column that is missing or null and that no section of the template asks about.
    func render(_ row: JSONObject) throws(MissingColumn) -> String {
        for path in tags.required where row.value(at: path) == nil { throw MissingColumn(name: path) }
        let context = TemplateValue.Row(row)
        let text = template.render(context)
        if let missing = context.missing.first(where: { !tags.tests($0) }) { throw MissingColumn(name: missing) }
        return text
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? MustacheTemplate.Error {
        case .sectionCloseNameIncorrect: "a section is closed by another name than it was opened with"
        case .expectedSectionEnd: "a section is not closed"
        default: "a tag is malformed"
        }
    }
}

extension TemplateTags {
    /// Whether a section asks about a column, or about something in it.
    fileprivate func tests(_ column: String) -> Bool {
        tested.contains { $0 == column || $0.hasPrefix(column + ".") }
    }
}
