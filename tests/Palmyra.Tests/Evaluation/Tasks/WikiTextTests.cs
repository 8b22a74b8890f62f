using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>Expected texts and counts are those of the harness' rules run by Python 3.11.</summary>
public sealed class WikiTextTests
{
    [Theory]
    [InlineData(" = Cats = \n \n A cat , which purrs . It 's soft ! \n", " = Cats =\n\nA cat, which purrs. It's soft!\n")]
    [InlineData(" = = Life = = \n", " == Life ==\n")]
    [InlineData("= = = A = = =\n = = = = B = = = = ", "=== A ===\n==== B ==== ")]
    [InlineData("the dogs ' bowl 's rim", "the dogs'bowl's rim")]
    [InlineData("( a ( b ) c )", "(a ( b) c )")]
    [InlineData("[ x ] { y } ( ) [  ] {\n}", "[x] {y} () [] {}")]
    [InlineData("\" said \" he \" no", "\"said\" he \" no")]
    [InlineData("' one ' two ' three", "'one' two ' three")]
    [InlineData("1 @,@ 000 @.@ 5 @-@ x", "1,000.5-x")]
    [InlineData("a , , b . . c", "a, , b. . c")]
    [InlineData("/' 7/ and /' x/", "/'[0-9]/ and /' x/")]
    [InlineData("/' 1/' 2/", "/'[0-9]/' 2/")]
    [InlineData("/' 2/' 1/' 0/ /' \u0661/", "/'[0-9]/' 1/'[0-9]/ /' \u0661/")]
    [InlineData("5 \u00B0 N of", "5\u00B0N of")]
    [InlineData("cat 's 's", "cat's's")]
    [InlineData("(\u001C a \u001F)", "(a)")]
    [InlineData("a : b ; c ? d", "a: b; c? d")]
    [InlineData("( open", "( open")]
    [InlineData("s 's ' ss '", "s's' ss'")]
    [InlineData("N N N ", "N 1 N ")]
    public void Pages_are_detokenised_as_in_Python(string page, string expected) => Assert.Equal(expected, WikiTextDetokenizer.Detokenize(page));

    [Fact]
    public void Pages_begin_at_headings_of_the_first_level_only()
    {
        EvaluationItem[] items = Read(" \n = One = \n \n a b\n = = Part = = \n = = = = Deep = = = = \n c\n = Two = \n d");
        Assert.Equal([" = One =\n\na b\n== Part ==\n==== Deep ====\nc", " = Two =\nd"], items.Select(Text));
        Assert.Equal([0, 1], items.Select(item => item.Index));

        // len(re.split(r"\s+", page)) counts the empty piece before the page's first space.
        Assert.Equal([21L, 5L], items.Select(item => item.Words));
        Assert.Equal([57L, 12L], items.Select(item => item.Bytes));
    }

    [Fact]
    public void The_last_line_feed_is_part_of_the_last_page() =>
        Assert.Equal(["= A =\nx", "= B =\ny\n"], Read("= A =\nx\n= B =\ny\n").Select(Text));

    [Fact]
    public void Other_line_ends_are_line_feeds_as_Python_reads_them() =>
        Assert.Equal(["= A =\nx\ny", "= B =\nz\n"], Read("= A =\r\nx\ry\r\n= B =\rz\r").Select(Text));

    [Fact]
    public void Text_before_the_first_heading_is_a_page_and_blank_text_is_none()
    {
        Assert.Equal(["intro", "= A ="], Read("intro\n= A =").Select(Text));
        Assert.Equal(["= A ="], Read("\n \u3000\n= A =").Select(Text));
    }

    [Theory]
    [InlineData("No heading at all.\n", "data.txt: expected WikiText, whose pages begin with a line \"= Title =\"; found no such line. For other text, name the task text.")]
    [InlineData("", "data.txt: the file is empty (pipes and devices count as empty).")]
    public void Other_text_is_refused(string text, string expected) =>
        Assert.EndsWith(expected, Assert.Throws<EvaluationException>(() => Read(text)).Message);

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused() => Assert.EndsWith(
        "data.txt, line 2: expected UTF-8; found bytes that are none. Convert the file to UTF-8.",
        Assert.Throws<EvaluationException>(() => TaskFile.Items(new WikiText(), "data.txt", [.. "= A =\n"u8, 0xC3, (byte)'\n'])).Message);

    [Fact]
    public void A_plain_text_is_one_item_as_it_stands()
    {
        EvaluationItem item = Assert.Single(TaskFile.Items(new PlainText(), "data.txt", Encoding.UTF8.GetBytes("\uFEFF \u00E9t\u00E9\r\n\nis  s 'ummer ")));
        Assert.Equal(" \u00E9t\u00E9\r\n\nis  s 'ummer ", Text(item));
        Assert.Equal(6, item.Words);
        Assert.Equal(22, item.Bytes);
    }

    private static EvaluationItem[] Read(string text) => TaskFile.Items(new WikiText(), "data.txt", Encoding.UTF8.GetBytes(text));

    private static string Text(EvaluationItem item) => Assert.IsType<RollingRequest>(Assert.Single(item.Requests)).Text;
}
