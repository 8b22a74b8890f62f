using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Tokenization;
using Xunit;

namespace Palmyra.Tests.Checkpoints;

public sealed class MappedFileTests
{
    [SkippableFact]
    public void AFileBeyondTheReachOf32BitsIsReadAtItsEndWithoutReadingTheRest()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows would write the whole file: it is not sparse there.");
        const long Count = 5_000_000_001;
        using var folder = new TemporaryFolder();
        string path = folder["large.safetensors"];
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"first":{"dtype":"U8","shape":[{{{Count}}}],"data_offsets":[0,{{{Count}}}]},"last":{"dtype":"F32","shape":[2],"data_offsets":[{{{Count}}},{{{Count + 8}}}]}}""");
        using (FileStream stream = File.Create(path))
        {
            var length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            stream.Seek(Count, SeekOrigin.Current);
            stream.Write(BitConverter.GetBytes(1.5f));
            stream.Write(BitConverter.GetBytes(-2.5f));
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        using TensorFile file = TensorFile.Open(path);
        Assert.Equal([1.5f, -2.5f], file.Tensors["last"].ToFloats());
        var one = new byte[] { 7 };
        file.Tensors["first"].CopyBytes(Count - 1, one);
        Assert.Equal(0, one[0]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [SkippableTheory]
    [InlineData("/dev/zero")]
    [InlineData("pipe")]
    public async Task AConfigurationOrVocabularyThatLeadsToADeviceOrAPipeIsRefused(string target)
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has neither among its files.");
        using var folder = new TemporaryFolder();
        using Process make = Process.Start("mkfifo", folder["pipe"]);
        await make.WaitForExitAsync();
        File.CreateSymbolicLink(folder["config.json"], target);
        File.CreateSymbolicLink(folder["tokenizer.json"], target);
        var limit = TimeSpan.FromSeconds(20);
        await Assert.ThrowsAsync<ModelConfigException>(() => Task.Run(() => ModelConfigReader.ReadFile(folder["config.json"])).WaitAsync(limit));
        await Assert.ThrowsAsync<TokenizationException>(() => Task.Run(() => GptTokenizer.Open(folder.Root)).WaitAsync(limit));
    }

    [Fact]
    public void ALinkToALargeFileIsMeasuredByTheFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["blob"], new byte[100]);
        try
        {
            File.CreateSymbolicLink(folder["link.json"], "blob");
        }
        catch (IOException)
        {
            // Windows gives links to some users only; the blob itself serves there.
            File.Copy(folder["blob"], folder["link.json"]);
        }

        Assert.Equal(100, SmallFile.Read(folder["link.json"], 100).Length);
        Assert.Contains("100 bytes; at most 99", Assert.Throws<CheckpointException>(() => SmallFile.Read(folder["link.json"], 99)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task APipeIsRefusedInsteadOfWaitedFor()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has no pipes among its files.");
        using var folder = new TemporaryFolder();
        using Process make = Process.Start("mkfifo", folder["pipe.safetensors"]);
        await make.WaitForExitAsync();
        File.CreateSymbolicLink(folder["link.safetensors"], "pipe.safetensors");
        foreach (string name in new[] { "pipe.safetensors", "link.safetensors" })
        {
            Task open = Task.Run(() => TensorFile.Open(folder[name]));
            await Assert.ThrowsAsync<CheckpointException>(() => open.WaitAsync(TimeSpan.FromSeconds(20)));
        }
    }
}
