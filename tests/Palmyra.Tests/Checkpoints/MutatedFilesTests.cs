using CsCheck;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Checkpoints.Gguf;
using Palmyra.Conversion;
using Palmyra.Diagnostics;
using Palmyra.Models;
using Palmyra.Quantization;
using Palmyra.Testing;
using Palmyra.Tests.Generation;
using Xunit;
using Xunit.Abstractions;

namespace Palmyra.Tests.Checkpoints;

/// <summary>Damaged at random, a file is read completely or refused with a CheckpointException: never another exception, never much memory.</summary>
/// <remarks>A failure prints CsCheck's seed; CsCheck_Seed repeats it.</remarks>
public sealed class MutatedFilesTests(ITestOutputHelper output)
{
    private enum Kind
    {
        Flip,
        Set,
        Truncate,
        Splice,
        Remove,
        Ones,
    }

    // Most edits near the beginning or the end, where headers, pickles and directories are.
    private static readonly Gen<double> Place = Gen.Select(Gen.Double[0, 1], Gen.Int[0, 2], (x, where) => where switch
    {
        0 => x * x * x * x,
        1 => 1 - (x * x * x * x),
        _ => x,
    });

    private static readonly Gen<Edit> Edits = Gen.Select(
        Gen.Int[0, 5], Place, Place, Gen.Int[1, 16], Gen.Byte, (kind, at, from, length, value) => new Edit((Kind)kind, at, from, length, value));

    [Theory]
    [InlineData("models/gpt-neo-bin-sharded/pytorch_model-00002-of-00002.bin", 4000, false)]
    [InlineData("models/gptj-inner-tied/pytorch_model.bin", 1500, false)]
    [InlineData("refused/os-system-legacy.bin", 2000, true)]
    public void TorchFiles(string fixture, int iterations, bool wholeIsRefused) => Check(
        File.ReadAllBytes(Fixtures.Path(fixture)),
        iterations,
        bytes => Reading.Everything(TorchArchive.Read(ByteSource.Of(bytes), "mutated")),
        wholeIsRefused);

    [Fact]
    public void ThePickleOfALegacyFile()
    {
        // The pickles alone: every edit lands in an instruction, and a reader that got past them would find no storages.
        byte[] file = File.ReadAllBytes(Fixtures.Path("models/gptj-inner-tied/pytorch_model.bin"));
        Check(file[..3074], 4000, bytes => Reading.Everything(TorchArchive.Read(ByteSource.Of(bytes), "mutated")), wholeIsRefused: true);
    }

    [Fact]
    public void Safetensors()
    {
        byte[] file = File.ReadAllBytes(Fixtures.Path("models/gpt2/model-00003-of-00003.safetensors"));
        Check(file, 4000, bytes => Reading.Everything(SafetensorsReader.Read(ByteSource.Of(bytes), "mutated")));
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.Q4_0)]
    public void Gguf(GgmlType type)
    {
        using var folder = new TemporaryFolder();
        Check(GgufFileBytes(folder, type), 2500, bytes =>
        {
            GgufMetadata metadata = GgufReader.Read(ByteSource.Of(bytes), "mutated", out IReadOnlyDictionary<string, GgufTensor> tensors);
            Reading.Everything(tensors.ToDictionary(pair => pair.Key, pair => pair.Value.View()));
            metadata.Texts("tokenizer.ggml.tokens");
            metadata.Integers("tokenizer.ggml.token_type");
        });
    }

    [Fact]
    public void GgufModels()
    {
        using var folder = new TemporaryFolder();
        Check(GgufFileBytes(folder, GgmlType.Q8_0), 600, bytes =>
        {
            File.WriteAllBytes(folder["m.gguf"], bytes);
            try
            {
                using GgufModel model = GgufModel.Open(folder["m.gguf"]);
                foreach (WeightEntry entry in new WeightMap(model.Config).All)
                {
                    Assert.Equal(entry.Rows, model.View(entry).Rows);
                }
            }
            catch (PalmyraException error) when (error is TokenizationException or ModelConfigException)
            {
                throw new CheckpointException(error.Message, error);
            }
        });
    }

    // The tokens are read too: the mark that they are made up is taken out.
    private static byte[] GgufFileBytes(TemporaryFolder folder, GgmlType type)
    {
        ModelConfig config = TinyModel.Gpt2 with { Width = 32 };
        GgufExport.WriteRandom("tiny", config, 1, folder["m.gguf"], type);
        byte[] bytes = File.ReadAllBytes(folder["m.gguf"]);
        int mark = bytes.AsSpan().IndexOf("palmyra.made_up_vocabulary"u8);
        bytes[mark] = (byte)'q';
        return bytes;
    }

    [Theory]
    [InlineData("gpt2", "model.safetensors.index.json")]
    [InlineData("gpt-neo-bin-sharded", "pytorch_model.bin.index.json")]
    public void Indices(string model, string index)
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(Fixtures.Path($"models/{model}")))
        {
            File.Copy(file, folder[Path.GetFileName(file)]);
        }

        Check(File.ReadAllBytes(folder[index]), 600, bytes =>
        {
            File.WriteAllBytes(folder[index], bytes);
            using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
            Reading.Everything(checkpoint.Tensors);
        });
    }

    [Theory]
    [InlineData(MatrixFormat.Q8)]
    [InlineData(MatrixFormat.Q4)]
    public void PackedModels(MatrixFormat format)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = TinyModel.GptJ with { Layers = 1 };
        using Transformer model = TinyModel.Create(config);
        SafetensorsWriter.Write(folder["packed"], TransformerWriter.Tensors(model, format), PackedMatrix.FileMetadata);
        Check(File.ReadAllBytes(folder["packed"]), 3000, bytes =>
        {
            var weights = new CheckpointWeights(config, SafetensorsReader.Read(ByteSource.Of(bytes), "mutated"), "folder");
            foreach (MatrixEntries matrix in new WeightMap(config).Matrices)
            {
                WeightView view = weights.View(matrix);
                var values = new float[view.Rows * view.Cols];
                view.CopyRows(0, view.Rows, values);
                if (view.Packed is not null)
                {
                    Assert.DoesNotContain(values, value => !float.IsFinite(value));
                }
            }
        });
    }

    private void Check(byte[] original, int iterations, Action<byte[]> read, bool wholeIsRefused = false)
    {
        Assert.Equal(!wholeIsRefused, Reading.SucceedsOrRefuses(() => read(original)));
        int succeeded = 0;
        int refused = 0;
        Edits.Array[1, 3].Sample(
            edits =>
            {
                byte[] bytes = edits.Aggregate(original, Apply);
                if (Reading.SucceedsOrRefuses(() => read(bytes)))
                {
                    succeeded++;
                }
                else
                {
                    refused++;
                }
            },
            iter: iterations,
            threads: 1,
            print: edits => string.Join("; ", edits.Select(edit => edit.ToString())));
        output.WriteLine($"{succeeded} mutated files were read, {refused} refused.");
        Assert.True(refused > iterations / 20, "Too few edits do damage to test anything.");
    }

    private static byte[] Apply(byte[] bytes, Edit edit)
    {
        if (bytes.Length == 0)
        {
            return bytes;
        }

        int at = Math.Min((int)(edit.At * bytes.Length), bytes.Length - 1);
        int from = Math.Min((int)(edit.From * bytes.Length), bytes.Length - 1);
        int length = Math.Min(edit.Length, bytes.Length - Math.Max(at, from));
        byte[] edited = (byte[])bytes.Clone();
        switch (edit.Kind)
        {
            case Kind.Flip:
                edited[at] ^= (byte)(1 << (edit.Value & 7));
                return edited;
            case Kind.Set:
                edited[at] = edit.Value;
                return edited;
            case Kind.Truncate:
                return edited[..at];
            case Kind.Splice:
                return [.. bytes[..at], .. bytes[from..(from + length)], .. bytes[at..]];
            case Kind.Remove:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            default:
                edited.AsSpan(at, Math.Min(edit.Length, edited.Length - at)).Fill(0xFF);
                return edited;
        }
    }

    private sealed record Edit(Kind Kind, double At, double From, int Length, byte Value);
}
