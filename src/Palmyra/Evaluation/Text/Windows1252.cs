namespace Palmyra.Evaluation.Text;

/// <summary>The letters Windows-1252 has where Unicode has the C1 controls, U+0080 to U+009F: what such a control was meant to be.</summary>
internal static class Windows1252
{
    private const string Letters =
        "\u20AC\u0081\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u008D\u017D\u008F"
        + "\u0090\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u009D\u017E\u0178";

    /// <summary>The letter in the place of a control; any other character, and a control whose place is empty, is itself.</summary>
    public static char FromControl(char letter) => letter is >= '\x80' and <= '\x9F' ? Letters[letter - 0x80] : letter;
}
