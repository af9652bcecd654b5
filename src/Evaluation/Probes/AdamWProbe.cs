using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Probes;

/// <summary>
/// CLIP_benchmark's linear probe: a linear layer on unit embeddings, trained with AdamW for ten epochs in batches of 256 with a learning
/// rate of 0.1 and cosine decay. The weight decay is chosen on validation images; the probe is then trained again on all images.
/// </summary>
internal static class AdamWProbe
{
    private const int Epochs = 10,
        Batch = 256;
    private const double Rate = 0.1,
        Beta1 = 0.9,
        Beta2 = 0.999,
        Epsilon = 1e-8;

    public static ProbeResult Run(string set, ProbeData data)
    {
        var (decay, tried) = StrengthSearch.Run(decay =>
            LinearProbe.Share(
                LinearProbe.Predict(
                    Fit(data.Train.Embeddings, data.Train.Labels, data, decay),
                    data.Validation.Embeddings,
                    data.Validation.Labels,
                    data.Classes
                )
            )
        );
        var all = data.Train.With(data.Validation);
        var predictions = LinearProbe.Predict(
            Fit(all.Embeddings, all.Labels, data, decay),
            data.Test.Embeddings,
            data.Test.Labels,
            data.Classes
        );
        return new ProbeResult(
            LinearProbe.Rows(set, "probe clip_benchmark", predictions, data.Classes, data.Seed),
            decay,
            tried,
            predictions
        );
    }

    private static LinearClassifier Fit(Matrix features, int[] labels, ProbeData data, double decay)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (n, d) = (features.Rows, features.Columns);
        // The intercept is the weight of a constant feature.
        var features_nd1 = cat([features.View(), ones([n, 1])], 1);
        var labels_n = tensor(Array.ConvertAll(labels, label => (long)label));
        var weights_cd1 = zeros([data.Classes, d + 1]);
        var (first, second) = (zeros_like(weights_cd1), zeros_like(weights_cd1));
        var random = new Random(unchecked((int)data.Seed));
        var steps = Epochs * ((n + Batch - 1) / Batch);
        var step = 0;
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            long[] order = [.. Enumerable.Range(0, n)];
            random.Shuffle(order);
            foreach (var rows in order.Chunk(Batch))
            {
                using var inner = NewDisposeScope();
                var index = tensor(rows);
                var batch_bd1 = features_nd1.index_select(0, index);
                var residual_bc = nn.functional.softmax(batch_bd1.mm(weights_cd1.t()), 1);
                residual_bc.scatter_add_(1, labels_n.index_select(0, index).unsqueeze(1), full([rows.Length, 1], -1f));
                var gradient = residual_bc.t().mm(batch_bd1).div_(rows.Length);
                var rate = Rate * (1 + Math.Cos(Math.PI * step / steps)) / 2;
                step++;
                first.mul_(Beta1).add_(gradient, 1 - Beta1);
                second.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
                var size = rate / (1 - Math.Pow(Beta1, step));
                // Decoupled decay above 1 / rate would flip the sign of the weights.
                weights_cd1.mul_(Math.Max(0, 1 - (rate * decay)));
                weights_cd1.addcdiv_(first, second.sqrt().div_(Math.Sqrt(1 - Math.Pow(Beta2, step))).add_(Epsilon), -size);
            }
        }

        return new LinearClassifier(weights_cd1.to(float64).AsSpan<double>().ToArray(), double.NaN, step, step);
    }
}
