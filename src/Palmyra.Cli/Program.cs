System.Console.WriteLine("palmyra");
