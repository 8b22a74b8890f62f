using Palmyra.Diagnostics;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

public sealed class DataFolderTests
{
    [Theory]
    [InlineData("lambada", "lambada_test.jsonl")]
    [InlineData("lambada", "any/lambada_openai.x.jsonl")]
    [InlineData("lambada_openai", "any/lambada_test_en.jsonl")]
    [InlineData("lambada_standard", "lambada-dataset/lambada_test_plain_text.txt")]
    [InlineData("winogrande", "winogrande_1.1/dev.jsonl")]
    [InlineData("winogrande", "x/winogrande_xl_dev.derived.jsonl")]
    [InlineData("hellaswag", "hellaswag_val.jsonl")]
    [InlineData("piqa", "piqa/valid.jsonl")]
    [InlineData("wikitext", "wikitext-2-raw/wiki.test.raw")]
    [InlineData("wikitext", "wikitext-2/test.txt")]
    public void A_file_is_found_by_its_name(string task, string name)
    {
        using var folder = new TemporaryFolder();
        Write(folder, "other/dev.jsonl");
        Write(folder, "other/valid.jsonl");
        Write(folder, "other/test.txt");
        Write(folder, "too/deep/winogrande/" + name);
        Write(folder, name);
        Assert.Equal(folder[name], DataFolder.Find(folder.Root, EvaluationTasks.Find(task)!));
    }

    [Fact]
    public void The_folder_itself_may_have_the_name_a_pattern_asks_for()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "piqa/valid.jsonl");
        Assert.Equal(folder["piqa/valid.jsonl"], DataFolder.Find(folder["piqa"], new Piqa()));
    }

    [Fact]
    public void An_absent_file_is_refused_with_the_names_looked_for()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(
            $"{folder.Root}: no data of winogrande found; looked for winogrande_xl_dev*.jsonl or winogrande*/dev.jsonl in it and in the folders in it.",
            Assert.Throws<EvaluationException>(() => DataFolder.Find(folder.Root, new Winogrande())).Message);
        Assert.Contains("the data folder cannot be read", Assert.Throws<EvaluationException>(() => DataFolder.Find(folder["none"], new Piqa())).Message);
        Assert.Contains("name the file", Assert.Throws<EvaluationException>(() => DataFolder.Find(folder.Root, new PlainText())).Message);
    }

    [Fact]
    public void Several_files_are_refused_if_they_differ()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "a/lambada_test.jsonl");
        Write(folder, "b/lambada_test.jsonl");
        Assert.Equal(folder["a/lambada_test.jsonl"], DataFolder.Find(folder.Root, Lambada.OpenAi));
        File.WriteAllText(folder["b/lambada_test.jsonl"], "y");
        Assert.Equal(
            $"{folder.Root}: expected one data file of lambada_openai; found {folder["a/lambada_test.jsonl"]} and {folder["b/lambada_test.jsonl"]}, which differ. Name the one that is meant.",
            Assert.Throws<EvaluationException>(() => DataFolder.Find(folder.Root, Lambada.OpenAi)).Message);
    }

    [Fact]
    public void Tasks_are_found_by_name_and_alias()
    {
        Assert.All(EvaluationTasks.All, task => Assert.Same(task, EvaluationTasks.Find(task.Name)));
        Assert.Same(Lambada.OpenAi, EvaluationTasks.Find("lambada"));
        Assert.Null(EvaluationTasks.Find("Lambada"));
        Assert.All(EvaluationTasks.All.SelectMany(task => task.KnownFiles), known => Assert.Matches("^[0-9a-f]{64}$", known.Sha256));
    }

    private static void Write(TemporaryFolder folder, string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder[name])!);
        File.WriteAllText(folder[name], "x");
    }
}
