using Palmyra.Evaluation.Text;

namespace Palmyra.Tests.Evaluation.Text;

/// <summary>Expected values are those of Python 3.11. A scratch run compared every code point.</summary>
public sealed class PythonTextTests
{
    private static readonly int[] Spaces =
        [0x9, 0xA, 0xB, 0xC, 0xD, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x85, 0xA0, 0x1680,
         0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000];

    [Fact]
    public void White_space_is_what_isspace_says() =>
        Assert.Equal(Spaces, Enumerable.Range(0, 0x10000).Where(letter => PythonText.IsSpace((char)letter)));

    [Theory]
    [InlineData("", "")]
    [InlineData("hello WORLD", "Hello world")]
    [InlineData("\u01C4", "\u01C5")]
    [InlineData("\u01C6AB", "\u01C5ab")]
    [InlineData("\u01C5", "\u01C5")]
    [InlineData("\u01F3x", "\u01F2x")]
    [InlineData("\u01CAx", "\u01CBx")]
    [InlineData("\u00DFen", "Ssen")]
    [InlineData("\u0149A", "\u02BCNa")]
    [InlineData("\uFB01NE", "Fine")]
    [InlineData("\uFB06x", "Stx")]
    [InlineData("\uFB13X", "\u0544\u0576x")]
    [InlineData("\u0587\u0531", "\u0535\u0582\u0561")]
    [InlineData("\u0390x", "\u0399\u0308\u0301x")]
    [InlineData("\u1FB7x", "\u0391\u0342\u0345x")]
    [InlineData("\u1F80x", "\u1F88x")]
    [InlineData("\u1E9AX", "A\u02BEx")]
    [InlineData("\u0131I", "Ii")]
    [InlineData("\u017FS", "Ss")]
    [InlineData("\u10D0\u10D1", "\u10D0\u10D1")]
    [InlineData("\u1C90\u1C91", "\u1C90\u10D1")]
    [InlineData("\u13A0\u13A1", "\u13A0\uAB71")]
    [InlineData("\uAB70\u13A1", "\u13A0\uAB71")]
    [InlineData("\u0130I", "\u0130i")]
    [InlineData("x\u0130I", "Xi\u0307i")]
    [InlineData("\u03A3", "\u03A3")]
    [InlineData("a\u03A3", "A\u03C2")]
    [InlineData("A\u03A3B", "A\u03C3b")]
    [InlineData("A\u03A3.", "A\u03C2.")]
    [InlineData("A\u03A3.B", "A\u03C3.b")]
    [InlineData("A\u03A3\u0301", "A\u03C2\u0301")]
    [InlineData("A\u03A3\u0301B", "A\u03C3\u0301b")]
    [InlineData("A'\u03A3", "A'\u03C2")]
    [InlineData("1\u03A3", "1\u03C3")]
    [InlineData("\u03A3\u03A3\u03A3", "\u03A3\u03C3\u03C2")]
    [InlineData("A\u00AD\u03A3\u2019 \u03A3", "A\u00AD\u03C2\u2019 \u03C3")]
    [InlineData("\U00010428\U00010400", "\U00010400\U00010428")]
    [InlineData("\U0001D400X", "\U0001D400x")]
    [InlineData("\U0001F600ABC", "\U0001F600abc")]
    [InlineData("1ABC", "1abc")]
    [InlineData(" ABC", " abc")]
    [InlineData("\u2160\u2161", "\u2160\u2171")]
    [InlineData("\u24D0\u24B7", "\u24B6\u24D1")]
    [InlineData("\uA64A\uA64A", "\uA64A\uA64B")]
    [InlineData("\u1E9E\u1E9E", "\u1E9E\u00DF")]
    [InlineData("\u00B5\u00B5", "\u039C\u00B5")]
    [InlineData("\u0345\u0399", "\u0399\u03B9")]
    [InlineData("\u0372\u0370", "\u0372\u0371")]
    [InlineData("\u04C0\u04C0", "\u04C0\u04CF")]
    [InlineData("\u2C2F\u2C00", "\u2C2F\u2C30")]
    [InlineData("\uFF41\uFF22", "\uFF21\uFF42")]
    [InlineData("\u02B0A\u03A3", "\u02B0a\u03C2")]
    public void A_text_is_capitalised_as_in_Python(string text, string expected) => Assert.Equal(expected, PythonText.Capitalize(text));

    [Theory]
    [InlineData("  a b ", "a b", "  a b")]
    [InlineData("\u001C\u001D\u001E\u001Fa\u001C", "a", "\u001C\u001D\u001E\u001Fa")]
    [InlineData("\u200Ba\uFEFF", "\u200Ba\uFEFF", "\u200Ba\uFEFF")]
    [InlineData("\u180Ea", "\u180Ea", "\u180Ea")]
    [InlineData("\u0085\u00A0\u1680a\u2028\u2029\u202F\u205F\u3000", "a", "\u0085\u00A0\u1680a")]
    [InlineData("\u2000\u200Aa\u2060", "a\u2060", "\u2000\u200Aa\u2060")]
    [InlineData("", "", "")]
    [InlineData("   ", "", "")]
    [InlineData("\t\n\u000B\u000C\ra\u0000", "a\u0000", "\t\n\u000B\u000C\ra\u0000")]
    public void A_text_is_stripped_as_in_Python(string text, string both, string end)
    {
        Assert.Equal(both, PythonText.Trim(text));
        Assert.Equal(end, PythonText.TrimEnd(text));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("abc", 3)]
    [InlineData("e\u0301", 2)]
    [InlineData("\U0001F600\U0001F600", 2)]
    [InlineData("a\U0001F468\u200D\U0001F469b", 5)]
    public void Length_counts_code_points(string text, int expected) => Assert.Equal(expected, PythonText.Length(text));

    [Theory]
    [InlineData("", 1)]
    [InlineData("a", 1)]
    [InlineData("a b", 2)]
    [InlineData(" a", 2)]
    [InlineData("a ", 2)]
    [InlineData("a\n\n b", 2)]
    [InlineData(" \n ", 2)]
    [InlineData("a\u200Bb", 1)]
    [InlineData("a\u001Cb", 2)]
    public void Pieces_are_counted_as_split_makes_them(string text, long expected) => Assert.Equal(expected, PythonText.CountPieces(text));
}
