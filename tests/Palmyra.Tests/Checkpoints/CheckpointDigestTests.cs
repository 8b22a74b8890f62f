using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Tests.Checkpoints;

public sealed class CheckpointDigestTests : IDisposable
{
    private const int Length = 300_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("palmyra-").FullName;

    [Fact]
    public void Names_lengths_and_ends_count_and_the_middle_of_weights_does_not()
    {
        string config = Write("config.json", [1, 2, 3]);
        string weights = Write("model.safetensors", new byte[Length]);
        string first = Digest(weights);
        Assert.Matches("^[0-9a-f]{64}$", first);
        Assert.Equal(first, Digest(weights));

        Assert.NotEqual(first, Changed(config, 1));
        Assert.NotEqual(first, Changed(weights, 0));
        Assert.NotEqual(first, Changed(weights, 65_535));
        Assert.Equal(first, Changed(weights, 65_536));
        Assert.Equal(first, Changed(weights, Length - 65_537));
        Assert.NotEqual(first, Changed(weights, Length - 65_536));
        Assert.NotEqual(first, Changed(weights, Length - 1));

        Write("model.safetensors", new byte[Length + 1]);
        Assert.NotEqual(first, Digest(weights));
        Write("model.safetensors", new byte[Length]);
        Assert.NotEqual(first, Digest(Write("model-2.safetensors", new byte[Length])));
        Assert.Equal(first, Digest(weights));
        Write("vocab.json", [1]);
        Assert.NotEqual(first, Digest(weights));

        string Changed(string path, int at)
        {
            byte[] bytes = File.ReadAllBytes(path);
            bytes[at] ^= 1;
            File.WriteAllBytes(path, bytes);
            string digest = Digest(weights);
            bytes[at] ^= 1;
            File.WriteAllBytes(path, bytes);
            return digest;
        }
    }

    [Fact]
    public void The_order_of_the_files_does_not_count()
    {
        string a = Write("a.bin", [1]), b = Write("b.bin", [2]);
        Assert.Equal(Digest(a, b), Digest(b, a));
        Assert.NotEqual(Digest(a, b), Digest(a));
    }

    [Fact]
    public void A_missing_weight_file_is_an_error() =>
        Assert.Throws<CheckpointException>(() => Digest(Path.Combine(_folder, "model.safetensors")));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Digest(params string[] weights) => CheckpointDigest.Compute(_folder, weights);

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
