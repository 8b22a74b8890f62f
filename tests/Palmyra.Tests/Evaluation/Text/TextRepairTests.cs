using Palmyra.Evaluation.Text;

namespace Palmyra.Tests.Evaluation.Text;

/// <summary>Expected texts are those of ftfy 6's steps but for its guessing, followed in Python. A scratch run compared 1.2 million texts.</summary>
public sealed class TextRepairTests
{
    [Theory]
    [InlineData("It\u2019s \u201Chere\u201D", "It's \"here\"")]
    [InlineData("\u2018a\u201B \u201Ca\u201F \u02BCn", "'a' \"a\" 'n")]
    [InlineData("wait\u2026 \u00BD \uFB02u\uFB03e\uFB06", "wait... 1\u20442 fluffiest")]
    [InlineData("\uFF2C\uFF2F\uFF35\uFF24\u3000\uFF2E\uFF2F", "LOUD NO")]
    [InlineData("a&amp;b", "a&b")]
    [InlineData("a&amp;amp;amp;b", "a&b")]
    [InlineData("&lt;tag&gt;", "<tag>")]
    [InlineData("<b>a&amp;b</b>", "<b>a&amp;b</b>")]
    [InlineData("a&amp;b\n<i>\nc&amp;d", "a&b\n<i>\nc&amp;d")]
    [InlineData("a<b &amp;", "a<b &amp;")]
    [InlineData("P&eacute;rez &EACUTE; &nTILDE; BUNDESSTRA&SZLIG;E", "P\u00E9rez \u00C9 &nTILDE; BUNDESSTRASSE")]
    [InlineData("&#39;&#x27;&#X27;&#8217;", "''''")]
    [InlineData("&#59;&#x3B;", "&#59;&#x3B;")]
    [InlineData("&#150;&#x92;&#133;", "\u2013'...")]
    [InlineData("&#0;&#xD800;&#1114112;&#99999999999999;", "\uFFFD\uFFFD\uFFFD\uFFFD")]
    [InlineData("&#1;&#127;&#xFDD0;&#x1FFFF;", "")]
    [InlineData("&bogus; &amp &; &#; &#x; &#12a;", "&bogus; &amp &; &#; &#x; &#12a;")]
    [InlineData("&lang;&RANG;", "\u27E8\u27E9")]
    [InlineData("\u001B[36;44mblue\u001B[0m \u001B[1;2 \u001B]x", "blue [1;2 ]x")]
    [InlineData("a\r\nb\rc\u2028d\u2029e", "a\nb\nc\nd\ne")]
    [InlineData("a\u0085b\u0091c\u0080\u0081", "a...b'c\u20AC\u0081")]
    [InlineData("\u0000a\u0007\u000Bb\u000C\tc\u007F", "ab\u000C\tc")]
    [InlineData("\uFEFFParty\uFEFF \u206A\uFFF9\uFFFC", "Party ")]
    [InlineData("\u200B\u200D\u2060", "\u200B\u200D\u2060")]
    [InlineData("e\u0301 \u00E9 A\u030A", "\u00E9 \u00E9 \u00C5")]
    [InlineData("caf\u00E9 \u20AC5 \u2013 \u2014", "caf\u00E9 \u20AC5 \u2013 \u2014")]
    [InlineData("\U0001D400\U0001F600\u2764\uFE0F", "A\U0001F600\u2764\uFE0F")]
    [InlineData("\u2033\u2032", "\u2032\u2032\u2032")]
    [InlineData("nothing to do", "nothing to do")]
    [InlineData("", "")]
    [InlineData("&\u0301amp;", "&\u0301amp;")]
    [InlineData("&\uFF41mp;", "&")]
    [InlineData("\u0149 \u01C6", "'n d\u017E")]
    public void A_text_is_cleaned(string text, string expected)
    {
        Assert.Equal(expected, TextRepair.Repair(text));
        Assert.Equal(expected, TextRepair.Repair(expected));
    }

    [Fact]
    public void Plain_text_is_the_same_object()
    {
        string text = new([.. Enumerable.Range(' ', 95).Where(letter => letter != '&').Select(letter => (char)letter), '\t', '\n', '\f']);
        Assert.Same(text, TextRepair.Repair(text));
    }

    [Fact]
    public void Half_surrogate_pairs_become_the_replacement_character()
    {
        Assert.Equal("\uFFFD", TextRepair.Repair("\uD800"));
        Assert.Equal("a\uFFFD\uFFFDb", TextRepair.Repair("a\uDC00\uD800b"));
        Assert.Equal("\uD83D\uDE00", TextRepair.Repair("\uD83D\uDE00"));
    }

    [Fact]
    public void Texts_decoded_by_the_wrong_encoding_are_not_guessed_at() => Assert.Equal("\u00E2\u20AC\u0153", TextRepair.Repair("\u00E2\u20AC\u0153"));

    [Fact]
    public void Entities_within_entities_end()
    {
        string repaired = TextRepair.Repair("&" + string.Concat(Enumerable.Repeat("amp;", 10_000)));
        Assert.Equal("&" + string.Concat(Enumerable.Repeat("amp;", 10_000 - 64)), repaired);
    }
}
