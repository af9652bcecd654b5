using System.Runtime.InteropServices;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Safetensors;

namespace ClipTrain.Attacks;

/// <summary>Operation at which a process is killed.</summary>
internal enum Deed
{
    /// <summary>Writes two checkpoints, which replace two older ones.</summary>
    Write,

    /// <summary>Rewrites the newest checkpoint twice.</summary>
    Rewrite,

    /// <summary>Creates a run's folder.</summary>
    Create,
}

/// <summary>
/// The process that is killed. It first runs the operation elsewhere, so that everything is compiled, prints <c>ready</c>, waits for
/// a line, runs it again and prints <c>done N</c> after each part. All on its first thread, whose system calls strace counts.
/// </summary>
internal static unsafe class Victim
{
    /// <summary>Elements of a tensor: 3 MB, so that a file takes several writes.</summary>
    private const int Numbers = 786_432;

    private const int Keep = 2;

    public static int Run(Deed deed, string folder)
    {
        Begin(Path.Combine(folder, "practice"), deed);
        Do(deed, Path.Combine(folder, "practice"), _ => { });
        Console.Out.WriteLine("ready");
        Console.In.ReadLine();
        Do(deed, Path.Combine(folder, "run"), part => Console.Out.WriteLine($"done {part}"));
        return 0;
    }

    /// <summary>Prepares the folder: two checkpoints, or a folder for runs.</summary>
    public static void Begin(string run, Deed deed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(run)!);
        if (deed == Deed.Create)
        {
            return;
        }

        Make(run);
        Write(run, step: 1, samples: 1);
        Write(run, step: 2, samples: 1);
    }

    /// <summary>Creates a run's folder from existing files.</summary>
    public static void Make(string run) =>
        RunFolder.Create(
            new RunFiles(run),
            aside =>
            {
                File.WriteAllText(aside.Config, "name: run\n");
                File.WriteAllText(aside.Manifest, new string(' ', 10_000));
            }
        );

    /// <summary>Writes a checkpoint whose sample count distinguishes it from others of the same step.</summary>
    public static void Write(string run, long step, long samples)
    {
        var memory = (nint)NativeMemory.AllocZeroed(Numbers * sizeof(float));
        try
        {
            NamedTensor[] tensors = [new NamedTensor("weight", [Numbers], memory)];
            new CheckpointDirectory(new RunFiles(run).Checkpoints).Write(
                new CheckpointState(step, samples, 0, 0, "config", "corpus"),
                tensors,
                tensors,
                [],
                new Retention(Keep)
            );
        }
        finally
        {
            NativeMemory.Free((void*)memory);
        }
    }

    private static void Do(Deed deed, string run, Action<long> done)
    {
        switch (deed)
        {
            case Deed.Write:
                Write(run, step: 3, samples: 1);
                done(3);
                Write(run, step: 4, samples: 1);
                done(4);
                break;
            case Deed.Rewrite:
                Write(run, step: 2, samples: 2);
                done(2);
                Write(run, step: 2, samples: 3);
                done(3);
                break;
            default:
                Make(run);
                done(1);
                break;
        }
    }
}
