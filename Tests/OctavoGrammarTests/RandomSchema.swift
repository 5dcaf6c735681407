import OctavoCore
import OctavoTestSupport

/// A schema drawn at random, which can name instances of it.
indirect enum RandomSchema {
    case text(JSONObject, samples: [JSONValue])
    case array(RandomSchema, minimum: Int, maximum: Int)
    case object([(name: String, schema: RandomSchema, isRequired: Bool)])
    case anyOf([RandomSchema])
    case nested(RandomSchema)

    /// Names and texts with all that JSON has to escape, and characters of every length.
    private static let words = ["a", "name", "été", "日本", "😀 x", "q\"uote", "back\\slash", "tab\t", "a b", "nam", ""]

    static func make(depth: Int, _ random: inout SeededGenerator) -> RandomSchema {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
        case 0..<5: return scalar(&random)
        case 5:
            let minimum = Int.random(in: 0...2, using: &random)
            return .array(
                make(depth: depth - 1, &random), minimum: minimum,
                maximum: minimum + Int.random(in: 0...3, using: &random))
        case 6: return .anyOf((0..<Int.random(in: 1...3, using: &random)).map { _ in make(depth: depth - 1, &random) })
        case 7: return .nested(make(depth: depth - 1, &random))
        default:
            let names = words.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random))
            return .object(
                names.map { ($0, make(depth: depth - 1, &random), Bool.random(using: &random)) })
        }
    }

    private static func scalar(_ random: inout SeededGenerator) -> RandomSchema {
        let word = words.randomElement(using: &random) ?? ""
        let low = Int.random(in: -50...50, using: &random)
        let high = low + Int.random(in: 0...300, using: &random)
        let tenth = Double(low) / 10
        let choices: [(JSONObject, [JSONValue])] = [
            (["type": "string"], [.string(word)]),
            (["type": "string", "minLength": 1, "maxLength": 9], ["x", "ünïcode😀"]),
            (["type": "string", "pattern": "^[a-z]{2,5}(-[0-9]+)?$"], ["ab", "abc-17"]),
            (["type": "string", "format": "date"], ["2024-02-29"]),
            (["enum": [.string(word), 1, true, nil]], [.string(word), 1, nil]),
            (
                ["type": "integer", "minimum": .integer(low), "maximum": .integer(high)],
                [.integer(low), .integer(high)]
            ),
            (
                ["type": "number", "exclusiveMinimum": .double(tenth)],
                [.double(Double(low + 5) / 10), .integer(low + 60)]
            ),
            (["type": ["boolean", "null"]], [true, nil]),
            (["type": "number"], [.double(-0.125), 3]),
        ]
        let (schema, samples) = choices.randomElement(using: &random)!
        return .text(schema, samples: samples)
    }

    /// The schema.
    var json: JSONValue {
        switch self {
        case .text(let schema, _): return .object(schema)
        case .array(let items, let minimum, let maximum):
            return ["type": "array", "items": items.json, "minItems": .integer(minimum), "maxItems": .integer(maximum)]
        case .anyOf(let schemas): return ["anyOf": .array(schemas.map(\.json))]
        case .nested(let inner):
            // A list of any length, as a schema that names itself.
            return [
                "type": "object", "properties": ["head": inner.json, "tail": ["type": ["null", "boolean"]]],
                "required": ["head", "tail"],
            ]
        case .object(let members):
            var properties = JSONObject()
            for member in members { properties[member.name] = member.schema.json }
            let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
            return [
                "type": "object", "properties": .object(properties), "required": .array(required),
                "additionalProperties": false,
            ]
        }
    }

    /// An instance.
    func sample(_ random: inout SeededGenerator) -> JSONValue {
        switch self {
        case .text(_, let samples): return samples.randomElement(using: &random)!
        case .array(let items, let minimum, let maximum):
            return .array((0..<Int.random(in: minimum...maximum, using: &random)).map { _ in items.sample(&random) })
        case .anyOf(let schemas): return schemas.randomElement(using: &random)!.sample(&random)
        case .nested(let inner): return ["head": inner.sample(&random), "tail": nil]
        case .object(let members):
            var object = JSONObject()
            for member in members where member.isRequired || Bool.random(using: &random) {
                object[member.name] = member.schema.sample(&random)
            }
            return .object(object)
        }
    }
}
