using System.Text.Json;
using Palmyra.Checkpoints;

namespace Palmyra.Tests.Evaluation.Naive;

/// <summary>GPT-2, GPT-Neo and GPT-J as their formulas, in 64-bit loops, one sequence at a time and nothing kept.</summary>
internal sealed class NaiveModel
{
    private readonly Dictionary<string, double[]> _tensors = [];
    private readonly JsonElement _config;
    private readonly string _type;
    private readonly int _width;
    private readonly int _heads;
    private readonly int _layers;

    /// <summary>Reads a folder; <paramref name="bfloat16"/> rounds its matrices.</summary>
    public NaiveModel(string folder, bool bfloat16)
    {
        using (var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json"))))
        {
            _config = config.RootElement.Clone();
        }

        _type = _config.GetProperty("model_type").GetString()!;
        _width = Number("n_embd", "hidden_size");
        _heads = Number("n_head", "num_heads");
        _layers = Number("n_layer", "num_layers");
        Context = Number("n_positions", "max_position_embeddings");
        using var checkpoint = Checkpoint.Open(folder);
        foreach ((string name, TensorView tensor) in checkpoint.Tensors)
        {
            bool isMatrix = tensor.Shape.Count == 2;
            double[] values = [.. tensor.ToFloats().Select(value => (double)(bfloat16 && isMatrix ? Round(value) : value))];

            // GPT-2 keeps its layers' matrices the other way round.
            bool turn = _type == "gpt2" && isMatrix && name.Contains(".c_", StringComparison.Ordinal);
            _tensors[name] = turn ? Transpose(values, (int)tensor.Shape[0], (int)tensor.Shape[1]) : values;
        }
    }

    public int Context { get; }

    /// <summary>The logits after each token from number <paramref name="first"/> on.</summary>
    public double[][] Logits(int[] ids, int first)
    {
        double[][] x = [.. ids.Select((id, position) => Embed(id, position))];
        for (int layer = 0; layer < _layers; layer++)
        {
            string block = $"transformer.h.{layer}.";
            double[][] u = Each(x, row => Norm(row, block + "ln_1"));
            double[][] attended = Attend(u, layer, block + (_type == "gpt_neo" ? "attn.attention." : "attn."));
            if (_type == "gptj")
            {
                x = Add(Add(x, attended), Each(u, row => Mlp(row, block + "mlp.fc_in", block + "mlp.fc_out")));
            }
            else
            {
                x = Add(x, attended);
                x = Add(x, Each(x, row => Mlp(Norm(row, block + "ln_2"), block + "mlp.c_fc", block + "mlp.c_proj")));
            }
        }

        string head = _type == "gptj" ? "lm_head" : "transformer.wte";
        return Each(x[first..], row => Linear(Norm(row, "transformer.ln_f"), head));
    }

    private double[] Embed(int id, int position)
    {
        double[] row = _tensors["transformer.wte.weight"][(id * _width)..((id + 1) * _width)];
        return _type == "gptj" ? row : Add(row, _tensors["transformer.wpe.weight"][(position * _width)..((position + 1) * _width)]);
    }

    private double[][] Attend(double[][] u, int layer, string name)
    {
        double[][] q, k, v;
        if (_type == "gpt2")
        {
            double[][] qkv = Each(u, row => Linear(row, name + "c_attn"));
            (q, k, v) = (Each(qkv, row => row[.._width]), Each(qkv, row => row[_width..(2 * _width)]), Each(qkv, row => row[(2 * _width)..]));
        }
        else
        {
            q = Each(u, row => Linear(row, name + "q_proj"));
            k = Each(u, row => Linear(row, name + "k_proj"));
            v = Each(u, row => Linear(row, name + "v_proj"));
        }

        if (_type == "gptj")
        {
            q = [.. q.Select(Rotate)];
            k = [.. k.Select(Rotate)];
        }

        int size = _width / _heads;
        bool isLocal = _type == "gpt_neo" && _config.GetProperty("attention_layers")[layer].GetString() == "local";
        int window = isLocal ? _config.GetProperty("window_size").GetInt32() : int.MaxValue;
        double scale = _type == "gpt_neo" ? 1 : Math.Sqrt(size);
        var mixed = new double[u.Length][];
        for (int i = 0; i < u.Length; i++)
        {
            mixed[i] = new double[_width];
            for (int head = 0; head < _heads; head++)
            {
                var weights = new double[i + 1];
                for (int j = 0; j <= i; j++)
                {
                    double score = 0;
                    for (int c = head * size; c < (head + 1) * size; c++)
                    {
                        score += q[i][c] * k[j][c];
                    }

                    weights[j] = i - j < window ? score / scale : double.NegativeInfinity;
                }

                double largest = weights.Max();
                double sum = weights.Sum(weight => Math.Exp(weight - largest));
                for (int j = 0; j <= i; j++)
                {
                    double share = Math.Exp(weights[j] - largest) / sum;
                    for (int c = head * size; c < (head + 1) * size; c++)
                    {
                        mixed[i][c] += share * v[j][c];
                    }
                }
            }
        }

        return Each(mixed, row => Linear(row, name + (_type == "gpt2" ? "c_proj" : "out_proj")));
    }

    private double[] Rotate(double[] row, int position)
    {
        double[] turned = [.. row];
        int dims = _config.GetProperty("rotary_dim").GetInt32();
        for (int start = 0; start < _width; start += _width / _heads)
        {
            for (int i = 0; i < dims / 2; i++)
            {
                (double sin, double cos) = Math.SinCos(position * Math.Pow(10000, -2.0 * i / dims));
                (double even, double odd) = (row[start + (2 * i)], row[start + (2 * i) + 1]);
                turned[start + (2 * i)] = (even * cos) - (odd * sin);
                turned[start + (2 * i) + 1] = (odd * cos) + (even * sin);
            }
        }

        return turned;
    }

    private double[] Mlp(double[] row, string up, string down) => Linear([.. Linear(row, up).Select(Gelu)], down);

    private static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    private double[] Norm(double[] row, string name)
    {
        (double[] gain, double[] bias) = (_tensors[name + ".weight"], _tensors[name + ".bias"]);
        double mean = row.Average();
        double deviation = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + 1e-5);
        return [.. row.Select((value, i) => ((value - mean) / deviation * gain[i]) + bias[i])];
    }

    // A matrix holds a row for each output.
    private double[] Linear(double[] x, string name)
    {
        double[] matrix = _tensors[name + ".weight"];
        double[]? bias = _tensors.GetValueOrDefault(name + ".bias");
        var y = new double[matrix.Length / x.Length];
        for (int o = 0; o < y.Length; o++)
        {
            ReadOnlySpan<double> row = matrix.AsSpan(o * x.Length, x.Length);
            double sum = 0;
            for (int i = 0; i < row.Length; i++)
            {
                sum += row[i] * x[i];
            }

            y[o] = sum + (bias?[o] ?? 0);
        }

        return y;
    }

    private int Number(string name, string other) =>
        (_config.TryGetProperty(name, out JsonElement value) ? value : _config.GetProperty(other)).GetInt32();

    private static double[][] Each(double[][] rows, Func<double[], double[]> change) => [.. rows.Select(change)];

    private static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, Add)];

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (left, right) => left + right)];

    private static double[] Transpose(double[] values, int rows, int columns) =>
        [.. Enumerable.Range(0, values.Length).Select(i => values[(i % rows * columns) + (i / rows)])];

    // To the nearest number of 16 bits, of two equally near the one whose last bit is 0.
    private static float Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
