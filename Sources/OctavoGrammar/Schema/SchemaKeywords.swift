import OctavoCore

/// The keywords of JSON Schema, as far as they matter here.
enum SchemaKeywords {
    /// What says nothing about which instances are valid.
    private static let annotations: Set<String> = [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples",
        "deprecated", "readOnly", "writeOnly", "discriminator", "contentEncoding", "contentMediaType",
    ]
    /// What is known, by the type that it speaks of.
    static let byType: [(type: String, keywords: Set<String>)] = [
        ("string", ["minLength", "maxLength", "pattern", "format"]),
        ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
        ("array", ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
        ("object", ["properties", "required", "additionalProperties"]),
    ]
    private static let general: Set<String> = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"]
    private static let known = byType.reduce(general) { $0.union($1.keywords) }

    /// The keywords of a schema that say which instances are valid.
    ///
    /// - Throws: for one that is not supported.
    static func validating(in schema: JSONObject, at path: String) throws(StructureError) -> Set<String> {
        var keywords: Set<String> = []
        for member in schema.members where !annotations.contains(member.key) && !member.key.hasPrefix("x-") {
            guard known.contains(member.key) else {
                throw StructureError(
                    "the keyword \(JSONValue.string(member.key).jsonText) is not supported: remove it", at: path)
            }
            keywords.insert(member.key)
        }
        return keywords
    }
}

/// A place within a schema, for messages.
func joined(_ path: String, _ step: String) -> String {
    path.isEmpty || step.hasPrefix("[") ? path + step : "\(path).\(step)"
}
