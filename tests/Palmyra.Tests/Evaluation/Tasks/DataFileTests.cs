using System.Diagnostics;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

public sealed class DataFileTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>A pipe without a writer would be waited for, a device be read for ever; each is refused by whoever meets it first.</summary>
    [SkippableTheory]
    [InlineData("pipe")]
    [InlineData("/dev/zero")]
    public async Task Pipes_and_devices_are_refused_and_never_opened(string target)
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has neither among its files.");
        using var folder = new TemporaryFolder();
        using (Process make = Process.Start("mkfifo", folder["pipe"]))
        {
            await make.WaitForExitAsync();
        }

        string path = folder["lambada_test.jsonl"];
        File.WriteAllText(path, "{\"text\": \"a b\"}");
        DataFile data = await DataFile.OpenAsync(path, Lambada.OpenAi);
        Directory.CreateDirectory(folder["other"]);
        File.Move(path, folder["other/lambada_test.jsonl"]);
        File.CreateSymbolicLink(path, target == "pipe" ? folder["pipe"] : target);

        await RefusedAsync(() => DataFile.OpenAsync(path, Lambada.OpenAi).GetAwaiter().GetResult());
        await RefusedAsync(() => Lambada.OpenAi.Read(data).Count());
        await RefusedAsync(() => new PlainText().Read(data).Count());
        await RefusedAsync(() => DataFolder.Find(folder.Root, Lambada.OpenAi));

        async Task RefusedAsync(Action read)
        {
            EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => Task.Run(read).WaitAsync(Limit));
            Assert.Equal($"{path}: the file is empty (pipes and devices count as empty).", failure.Message);
        }
    }

    [Fact]
    public async Task Files_that_differ_in_their_last_byte_only_differ()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = new byte[200_000];
        Directory.CreateDirectory(folder["a"]);
        Directory.CreateDirectory(folder["b"]);
        await File.WriteAllBytesAsync(folder["a/lambada_test.jsonl"], bytes);
        await File.WriteAllBytesAsync(folder["b/lambada_test.jsonl"], bytes);
        Assert.Equal(folder["a/lambada_test.jsonl"], DataFolder.Find(folder.Root, Lambada.OpenAi));
        bytes[^1] = 1;
        await File.WriteAllBytesAsync(folder["b/lambada_test.jsonl"], bytes);
        Assert.Throws<EvaluationException>(() => DataFolder.Find(folder.Root, Lambada.OpenAi));
    }

    [Fact]
    public async Task An_absent_file_or_a_folder_is_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (string path in new[] { folder["none"], folder.Root })
        {
            EvaluationException failure = await Assert.ThrowsAsync<EvaluationException>(() => DataFile.OpenAsync(path, Lambada.OpenAi));
            Assert.StartsWith($"{path}: the file cannot be opened: ", failure.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Numbers of a file that somebody made from the published one are not numbers of the published one.</summary>
    [Fact]
    public void Derived_files_are_told_from_published_ones() => Assert.Equal(
        ["winogrande", "hellaswag"],
        EvaluationTasks.All.Where(task => task.KnownFiles.Any(file => file.IsDerived)).Select(task => task.Name));
}
