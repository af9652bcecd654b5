namespace ClipTrain.Bench;

/// <summary>A run file of a small model and the demo corpus, for measurements of what surrounds a run.</summary>
internal static class DemoRun
{
    /// <param name="demo">Folder of the demo corpus.</param>
    /// <param name="folder">Folder of the file.</param>
    /// <param name="name">Name of the run.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="sections">Further sections of the file.</param>
    /// <returns>Path of the file.</returns>
    public static string Write(string demo, string folder, string name, int steps, params string[] sections)
    {
        var (path, corpus) = (Path.Combine(folder, "run.yaml"), Path.GetFullPath(demo));
        File.WriteAllText(
            path,
            $$"""
            name: {{name}}
            model:
              embed_dim: 128
              image: { size: 24, patch: 12, width: 128, layers: 2, heads: 2 }
              text: { context: 12, vocabulary: 2514, width: 128, layers: 2, heads: 2 }
            data:
              train: [{{Path.Combine(corpus, "train.parquet")}}]
              merges: {{Path.Combine(corpus, "emoji-merges.txt")}}
            training: { global_batch: 128, steps: {{steps}}, learning_rate: 0.001, warmup_steps: 20, gradient_clip: 1 }
            cluster: { workers: 1, threads_per_worker: 1 }
            {{string.Join('\n', sections)}}

            """
        );
        return path;
    }
}
