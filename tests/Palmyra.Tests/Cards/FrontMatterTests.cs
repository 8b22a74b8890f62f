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
