internal import Foundation

/// A moment as the fields of the Gregorian calendar in UTC, formatted as by C's `strftime` in the C locale.
///
/// UTC, not the host's time zone: the same request must give the same prompt on every host.
struct CalendarTime {
    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int
    let microsecond: Int
    /// From Sunday, which is 0.
    let weekday: Int
    /// From January 1, which is 1.
    let dayOfYear: Int
    private let secondsSince1970: Int

    init(_ date: Date) {
        // Beyond these years there are no four digits; the clamp keeps the arithmetic from overflowing.
        let seconds = min(max(date.timeIntervalSince1970, -62_135_596_800), 253_402_300_799)
        let whole = Int(seconds.rounded(.down))
        secondsSince1970 = whole
        microsecond = Int((seconds - Double(whole)) * 1_000_000)
        let days = (whole - Self.modulo(whole, 86_400)) / 86_400
        let secondOfDay = Self.modulo(whole, 86_400)
        (hour, minute, second) = (secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60)
        weekday = Self.modulo(days + 4, 7)
        (year, month, day) = Self.civil(fromDays: days)
        dayOfYear = days - Self.days(toYear: year) + 1
    }

    private static func modulo(_ value: Int, _ modulus: Int) -> Int { (value % modulus + modulus) % modulus }

    /// The date `days` after 1970-01-01. The year is reckoned from March, so that the leap day comes last.
    ///
    /// - SeeAlso: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let dayOfEra = modulo(shifted, 146_097)
        let era = (shifted - dayOfEra) / 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    /// The days from 1970-01-01 to January 1 of `year`.
    private static func days(toYear year: Int) -> Int {
        let before = year - 1
        return before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    }

    /// The date and time in the format of `strftime`; glibc's `-` after the percent sign drops padding.
    func formatted(_ format: String) -> String {
        var result = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            guard character == "%" else {
                result.append(character)
                continue
            }
            let isUnpadded = rest.first == "-"
            if isUnpadded { rest = rest.dropFirst() }
            guard let directive = rest.popFirst() else { return result + "%" }
            result += field(directive, isUnpadded: isUnpadded) ?? "%\(isUnpadded ? "-" : "")\(directive)"
        }
        return result
    }

    private func field(_ directive: Character, isUnpadded: Bool) -> String? {
        func padded(_ value: Int, _ width: Int = 2, with filling: String = "0") -> String {
            let digits = String(value)
            return isUnpadded ? digits : String(repeating: filling, count: max(0, width - digits.count)) + digits
        }
        let hourOf12 = (hour + 11) % 12 + 1
        return switch directive {
        case "a": String(Self.weekdays[weekday].prefix(3))
        case "A": Self.weekdays[weekday]
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "B": Self.months[month - 1]
        case "c": formatted("%a %b %e %H:%M:%S %Y")
        case "C": padded(year / 100)
        case "d": padded(day)
        case "D", "x": formatted("%m/%d/%y")
        case "e": padded(day, with: " ")
        case "f": padded(microsecond, 6)
        case "F": formatted("%Y-%m-%d")
        case "H": padded(hour)
        case "I": padded(hourOf12)
        case "j": padded(dayOfYear, 3)
        case "k": padded(hour, with: " ")
        case "l": padded(hourOf12, with: " ")
        case "m": padded(month)
        case "M": padded(minute)
        case "n": "\n"
        case "p": hour < 12 ? "AM" : "PM"
        case "P": hour < 12 ? "am" : "pm"
        case "r": formatted("%I:%M:%S %p")
        case "R": formatted("%H:%M")
        case "s": String(secondsSince1970)
        case "S": padded(second)
        case "t": "\t"
        case "T", "X": formatted("%H:%M:%S")
        case "u": String(weekday == 0 ? 7 : weekday)
        case "U": padded((dayOfYear + 6 - weekday) / 7)
        case "w": String(weekday)
        case "W": padded((dayOfYear + 6 - (weekday + 6) % 7) / 7)
        case "y": padded(year % 100)
        case "Y": String(year)
        // As of a Python `datetime` without a time zone.
        case "z", "Z": ""
        case "%": "%"
        default: nil
        }
    }

    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
}
