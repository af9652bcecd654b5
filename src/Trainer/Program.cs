using ClipTrain.Trainer.Cli;

return await CommandLine.RunAsync(args);
