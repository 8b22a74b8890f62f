using CsCheck;
using Palmyra.Cards;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Cards;

public sealed class FrontMatterTests
{
    [Fact]
    public void Scalars_and_lists_of_the_outermost_level_are_read()
    {
        FrontMatter head = FrontMatter.Parse(
            """
            ---
            # a comment
            language: en   # what it speaks
            license: 'it''s mine'
            title: "a \"b\" \u00e9\n"
            tags: [gptj, "a, b", 'c' ]
            datasets:
            - first
              # between
              - second   # with a remark
            training_tokens: 7_325,696
            model-index:
            - name: x
              results:
              - task: y
            nested:
              language: de
            text: |
              language: fr
            several: one
              two
            anchor: &a x
            empty:
            url: http://example.org/a:b#c
            ---
            language: none
            """);
        Assert.Equal("en", head.Text("language"));
        Assert.Equal("it's mine", head.Text("license"));
        Assert.Equal("a \"b\" é\n", head.Text("title"));
        Assert.Equal(["gptj", "a, b", "c"], head.List("tags"));
        Assert.Null(head.Text("tags"));
        Assert.Equal(["first", "second"], head.List("datasets"));
        Assert.Equal(7325696, head.TrainingTokens);
        Assert.Equal("http://example.org/a:b#c", head.Text("url"));
        Assert.Equal(["language", "license", "title", "tags", "datasets", "training_tokens", "url"], head.Keys);
    }

    /// <summary>The pattern is that of YAML 1.1's floats as its readers have it; an exponent without a point is a text to them.</summary>
    [Fact]
    public void Numbers_are_numbers_to_every_reader() => Gen.Double.Sample(number =>
    {
        string text = YamlScalar.Write(number);
        Assert.Matches(@"^([-+]?(0|[1-9][0-9]*)|[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|[-+]?\.inf|\.nan)$", text);
        if (double.IsFinite(number))
        {
            Assert.Equal(number, double.Parse(text, System.Globalization.CultureInfo.InvariantCulture));
        }
    });

    [Theory]
    [InlineData(3e-5, "3.0e-05")]
    [InlineData(1e22, "1.0e+22")]
    [InlineData(1.5e-7, "1.5e-07")]
    [InlineData(0.25, "0.25")]
    [InlineData(402e9, "402000000000")]
    public void Exponents_have_a_point_before_them(double number, string expected) => Assert.Equal(expected, YamlScalar.Write(number));

    [Theory]
    [InlineData("a\uFFFEb", "\"a\\ufffeb\"")]
    [InlineData("\uFFFF", "\"\\uffff\"")]
    [InlineData("\uFEFF\uFFFD", "\"\\ufeff\uFFFD\"")]
    public void What_YAML_does_not_allow_is_escaped(string text, string expected)
    {
        Assert.Equal(expected, YamlScalar.Write(text));
        Assert.Equal(text, YamlScalar.Read(expected));
    }

    [Theory]
    [InlineData("")]
    [InlineData("---")]
    [InlineData("# A title\n---\nlicense: mit\n---\n")]
    [InlineData("---\nlicense: mit\n")]
    [InlineData("---\n---\nlicense: mit\n")]
    public void Texts_without_a_whole_block_say_nothing(string text) => Assert.Empty(FrontMatter.Parse(text).Keys);

    [Theory]
    [InlineData("---\r\nlicense: mit\r\n---\r\n")]
    [InlineData("\uFEFF---\nlicense: mit\n---")]
    [InlineData("--- \nlicense:\tmit\n--- \n")]
    public void Line_ends_and_blanks_do_not_matter(string text) => Assert.Equal("mit", FrontMatter.Parse(text).Text("license"));

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData(".inf")]
    [InlineData("Infinity")]
    [InlineData("NaN")]
    [InlineData("many")]
    [InlineData("[1, 2]")]
    public void Training_tokens_that_are_no_number_above_zero_are_not_known(string value) =>
        Assert.Null(FrontMatter.Parse($"---\ntraining_tokens: {value}\n---\n").TrainingTokens);

    [Theory]
    [InlineData("true", true)]
    [InlineData("False   # not yet", false)]
    [InlineData("yes", null)]
    [InlineData("[true, false]", null)]
    public void Public_is_true_false_or_not_known(string value, bool? expected) =>
        Assert.Equal(expected, FrontMatter.Parse($"---\npublic: {value}\n---\n").IsPublic);

    /// <summary>A comma that may be a decimal one is not taken for one between thousands.</summary>
    [Theory]
    [InlineData("825", 825.0)]
    [InlineData("0.5", 0.5)]
    [InlineData("1,234,567.5", 1234567.5)]
    [InlineData("1_000", 1000.0)]
    [InlineData("1,5", null)]
    [InlineData("0", null)]
    [InlineData("about 800", null)]
    public void The_size_of_the_training_text_is_a_number_above_zero(string value, double? expected) =>
        Assert.Equal(expected, FrontMatter.Parse($"---\ndataset_gigabytes: {value}\n---\n").DatasetGigabytes);

    [Fact]
    public void A_head_without_end_is_not_read_to_its_end()
    {
        using var folder = new TemporaryFolder();
        Assert.Same(FrontMatter.Empty, FrontMatter.Read(folder.Root));
        using (FileStream file = File.Create(folder[FrontMatter.FileName]))
        {
            file.Write("---\nlicense: mit\n"u8);
            file.SetLength(100_000_000);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Empty(FrontMatter.Read(folder.Root).Keys);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000_000);
    }

    /// <summary>A text in, whatever it is: the head of a card comes back with it, or it says nothing; it never fails.</summary>
    [Fact]
    public void No_text_is_too_odd() => Gen.String[Gen.Char["-:[]{}'\"\\# \n\t,|&au0é"], 0, 200].Sample(text =>
        _ = FrontMatter.Parse("---\n" + text + "\n---\n").Keys.Select(key => key.Length).Sum());
}
