/// Text as a terminal shows it: without what would move its cursor, and measured in its cells.
///
/// Answers are written by a model, prompts by anybody: neither may send a terminal orders.
package enum DisplayText {
    /// One line of what can be seen: control characters, those that change direction and other invisible ones are left
    /// out, and runs of white space become one space.
    package static func clean(_ text: some StringProtocol) -> String {
        var line = String.UnicodeScalarView()
        var endsInSpace = true
        for scalar in text.unicodeScalars {
            if scalar.properties.isWhitespace {
                if !endsInSpace { line.append(" ") }
                endsInSpace = true
                continue
            }
            switch scalar.properties.generalCategory {
            // The joiner of emoji is harmless, and without it one would become several.
            case .format where scalar == "\u{200D}": break
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: continue
            default: break
            }
            line.append(scalar)
            endsInSpace = false
        }
        if line.last == " " { line.removeLast() }
        return String(line)
    }

    /// The cells that a text takes.
    package static func width(of text: some StringProtocol) -> Int { text.reduce(0) { $0 + width(of: $1) } }

    /// The beginning of a text in at most `width` cells, with an ellipsis if it is not all.
    package static func fit(_ text: String, _ width: Int) -> String {
        guard self.width(of: text) > width else { return text }
        guard width > 0 else { return "" }
        var (fitting, cells) = ("", 1)
        for character in text {
            cells += self.width(of: character)
            guard cells <= width else { break }
            fitting.append(character)
        }
        return fitting + "…"
    }

    /// A text in exactly `width` cells.
    package static func pad(_ text: String, _ width: Int) -> String {
        let fitting = fit(text, width)
        return fitting + String(repeating: " ", count: max(0, width - self.width(of: fitting)))
    }

    private static func width(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .control, .format: return 0
        default: break
        }
        // A sign followed by the selector of its emoji form is drawn wide.
        let isEmoji = first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}")
        return isEmoji || wide.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// Scalars of East Asian width W or F (Unicode Standard Annex 11), by block.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x20000...0x3FFFD,
    ]
}
