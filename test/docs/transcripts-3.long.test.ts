import { playPages } from './pages.ts';

playPages(2);
